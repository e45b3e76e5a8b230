-- handed_over: the agent has handed the talk over, from his own telephone: the customer talks on with somebody else.
-- KEYS[1] the attempt. ARGV attempt, customer's call, agent (whose telephone it is now; empty: nobody of ours), his call
-- Returns handed | again | late. An agent who is offline or in an attempt of his own counts as nobody of ours.

local id, call, other, other_call = unpack(ARG)
local t, e, a = goes_on(id, call)
if not t then return 'late' end
if t.agent_call == other_call and e.state == 'connected' then return 'again' end
local b = other ~= '' and load('agent', other) or nil
if b and not (a and a.id == b.id) and b.state ~= 'ready' and b.state ~= 'paused' and b.state ~= 'wrap_up' then b = nil end

local deadline, talk = NOW + LOOK_AGAIN_MS, NOW - tonumber(t.connected_ms)
local was = t.agent
if e.state == 'completed' then
  redis.call('PERSIST', key('attempt', id))
  move_entry(e, 'connected', deadline, plain_caller(e))
else
  move_entry(e, 'connected', deadline)
end
set('attempt', t, {agent = b and b.id or '', agent_call = other_call, agent_placed = '1', over = '', handed = '1', connected_ms = NOW,
  deadline_ms = deadline, idle_ms = NOW})
set('entry', e, {agent = t.agent})
redis.call('SET', key('call', other_call), e.id, 'EX', KEEP_S)
event('handed_over', {call = call, queue = e.queue, entry = e.id, agent = t.agent, attempt = id},
  'from', was, 'talk_ms', a and talk or 0)
if b and a and b.id == a.id then return 'handed' end
if a then wrap_up(a, e.queue, talk) end
if b then
  if b.state == 'wrap_up' then handled(b) end
  local changes = {attempt = id, entry = e.id, misses = 0}
  if b.state == 'paused' and b.reason ~= 'phone_in_use' and b.reason ~= 'phone_gone' then
    changes.after, changes.after_reason = 'paused', b.reason
  end
  move_agent(b, 'on_call', deadline, '', changes)
end
return 'handed'
