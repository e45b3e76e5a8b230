-- begin: the one winner of a leg may place its call. A job that runs twice dials once.
-- KEYS[1] the attempt. ARGV attempt, leg, margin_ms
-- Returns nil, or {entry hash, attempt hash, agent hash, call} (hashes as flat lists); call: one that we placed to this phone
-- before and that is not known to have ended, to be hung up first, or empty; before: reserved, or dialing with the leg before it
-- accepted; after: dialing, due when the phone has rung and the person has had the time to accept.

local id, leg, margin = unpack(ARG)
local t, e, a = running(id)
if not t or t.leg ~= leg or t.begun == leg then return false end
if e.state ~= 'reserved' and e.state ~= 'dialing' then return false end
local rules = rule(e.queue)
local ring = leg == 'agent' and rules.ring_agent_ms or rules.ring_customer_ms
local kind, whose = leg == 'agent' and 'agent' or 'entry', leg == 'agent' and a or e
local left_up, first = whose.last_call or '', '0'
if leg == 'customer' and t.agent ~= '' then
  first = redis.call('HINCRBY', key('entry', e.id), 'dials', 1) == 1 and '1' or '0'
end
set('attempt', t, {begun = leg, [leg .. '_placed'] = '1', begun_ms = NOW, first = first, left_up = left_up})
set(kind, whose, {last_call = t[leg .. '_call']})
due(t, e, a, 'dialing', NOW + ring + rules.accept_ms + tonumber(margin))
event('dial_begun', {call = t[leg .. '_call'], queue = e.queue, entry = e.id, agent = t.agent, attempt = id},
  'leg', leg, 'first', first, 'promised_ms', e.promised_ms)
return {
  redis.call('HGETALL', key('entry', e.id)), redis.call('HGETALL', KEYS[1]),
  a and redis.call('HGETALL', key('agent', a.id)) or {}, left_up,
}
