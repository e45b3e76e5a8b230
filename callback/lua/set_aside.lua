-- set_aside: nothing was dialled for a leg, since the part of the telephone network that it needs takes no orders now. Nobody is to
-- blame: the entry keeps its place, the agent his turn, and `begin` is undone. But the one of them who is there is passed over for a
-- while, or the same pair would be made again at once, and again: those behind would wait for nothing.
-- KEYS[1] the attempt. ARGV attempt, leg, whose (entry | agent: who is there), rest_ms
-- Returns {late: no change} | {waiting, call to hang up ...}; before: reserved or dialing; after: waiting, at its old place

local id, leg, whose, rest = unpack(ARG)
local t, e, a = running(id)
if not t or t.begun ~= leg or (e.state ~= 'reserved' and e.state ~= 'dialing') then return {'late'} end
if leg == 'customer' and t.answer_customer then return {'late'} end  -- he holds: caller_gone is about him

local calls = lost_calls(t, e, leg)
local til = NOW + tonumber(rest)
undo_begin(t, e, a, leg)
attempt_ended(t, leg, 'canceled', 'waiting')
end_attempt(t, 'canceled')
move_entry(e, 'waiting')
if whose == 'entry' then
  redis.call('ZADD', key('aside'), int(til), e.member)
  event('set_aside', {call = e.call, queue = e.queue, entry = e.id, attempt = id}, 'until_ms', til)
end
if t.agent == '' then redis.call('ZADD', key('expiries'), int(til), e.id) end  -- not told: told later
if a then
  if whose == 'agent' then set('agent', a, {rest_until = til}) end
  free_agent(a, tonumber(t.idle_ms))
end
return {'waiting', unpack(calls)}
