-- leave: a live caller goes on elsewhere in his flow. Whoever waits in the place of his callback keeps the callback.
-- KEYS[1] the entry. ARGV entry, why. Returns left (again, too) | taken: an agent has him already

local id, why = unpack(ARG)
local e = load('entry', id)
if not e or e.mode ~= 'live' or MOVES.ended[e.state] then return 'left' end
if e.state ~= 'waiting' then return 'taken' end
local call = e.call
if chosen(e) == '1' then
  move_entry(e, 'waiting', nil, {mode = 'callback', call = '', held_ms = 0})
  event('caller_left', {call = call, queue = e.queue, entry = id}, 'next', 'waiting', 'due_ms', 0)
else
  move_entry(e, 'flowed_out')
  event('flowed_out', {call = call, queue = e.queue, entry = id}, 'wait_ms', waited(e), 'why', why, 'chosen', '0')
end
return 'left'
