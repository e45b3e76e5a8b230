"""The simulator: a phone network in memory that speaks to us only as a provider would.

`webhooks` and `client` are our side of it (HTTP in, Provider port out), as they are for Twilio and Asterisk. `network`, `telephone`,
`people`, `day` and `link` are the far side: they know nothing of sessions, queues or Redis, and do only what a network and people do.
"""
