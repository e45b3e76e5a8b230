-- accept: the person on this leg pressed "connect me". A repeated accept gets the same answer.
-- KEYS[1] the attempt. ARGV attempt, leg, heard_by (for a customer who now holds)
-- Returns {room|wait|gone, task}; task: connect (move the held caller), agent or customer (the leg to ring), or empty.
-- live: the agent's accept connects. agent_first: he enters the room, the customer is rung, whose accept connects.
-- customer_first: he holds in his old place as a live caller, the agent is rung, whose accept connects.

local id, leg, heard = unpack(ARG)
local t, e, a = running(id)
if not t then return {'gone', ''} end
if t['answer_' .. leg] then return {t['answer_' .. leg], e.state == 'dialing' and t.begun ~= t.leg and t.leg or ''} end
if not a then return {'gone', ''} end
if e.state ~= 'dialing' or t.leg ~= leg or t.begun ~= leg then return {'gone', ''} end
if t.order == 'live' and e.mode ~= 'live' then return {'gone', ''} end

event('leg_accepted', {queue = e.queue, entry = e.id, agent = a.id, attempt = id}, 'leg', leg)
local held = e.mode == 'live'
local second = t.order == 'agent_first' and 'customer' or 'agent'
if t.order == 'live' or leg == second then
  set('attempt', t, {['answer_' .. leg] = 'room'})
  if not held then set('entry', e, {call = t.customer_call}) end
  connect(t, e, a)
  return {'room', held and 'connect' or ''}
end

local answer = leg == 'agent' and 'room' or 'wait'
set('attempt', t, {['answer_' .. leg] = answer, leg = second})
local deadline = NOW + rule(e.queue).reserve_ms
if leg == 'agent' then
  set('agent', a, {misses = 0})
  due(t, e, a, 'dialing', deadline)
else
  due(t, e, a, 'dialing', deadline, {mode = 'live', call = t.customer_call, held_ms = NOW})
  heard_by(e, tonumber(heard))
end
return {answer, second}
