-- hung_up: a customer's call is over, so that a join, or the word of a transfer, which arrives after it makes no ghost.
-- KEYS[1] the call. Returns the entry it stood for, or empty

local entry = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], '', 'EX', 3600)
return entry or ''
