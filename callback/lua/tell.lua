-- tell: a callback that will not be served is to be rung and told; an attempt without an agent, so that it is told once.
-- KEYS[1] the entry. ARGV entry, attempt, why. Returns 1 | 0: it is not a callback that waits

local id, attempt, why = unpack(ARG)
local e = load('entry', id)
if not e or e.mode ~= 'callback' or (e.state ~= 'waiting' and e.state ~= 'scheduled') then return 0 end
local deadline = NOW + rule(e.queue).reserve_ms
set('attempt', {id = attempt}, {
  entry = id, agent = '', queue = e.queue, order = 'customer_first', leg = 'customer', begun = '', over = '',
  deadline_ms = deadline, agent_call = '', customer_call = attempt .. '-c', agent_placed = '0', customer_placed = '0',
  idle_ms = 0, connected_ms = 0, why = why,
})
move_entry(e, 'reserved', deadline, {attempt = attempt, agent = ''})
return 1
