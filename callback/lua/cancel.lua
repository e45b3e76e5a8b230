-- cancel: an accepted callback is no longer wanted. An attempt on its way is called off; the agent loses nothing.
-- KEYS[1] the entry. ARGV entry, why. Returns {cancelled, call to hang up ...} | {gone: talking, ended, or never a callback}

local id, why = unpack(ARG)
local e = load('entry', id)
if not e or chosen(e) == '0' or e.state == 'connected' or MOVES.ended[e.state] then return {'gone'} end
local calls = e.held_ms ~= '0' and {e.call} or {}  -- a customer we rang, who holds
local t, _, a = running(e.attempt)
if t then
  for _, call in ipairs(lost_calls(t, e)) do calls[#calls + 1] = call end
  attempt_ended(t, t.leg, 'canceled', 'cancelled')
  end_attempt(t, 'cancelled')
end
move_entry(e, 'cancelled', nil, {attempt = '', agent = ''})
event('cancelled', {queue = e.queue, entry = id}, 'why', why, 'wait_ms', waited(e), 'chosen', '1')
if a then free_agent(a, tonumber(t.idle_ms)) end
return {'cancelled', unpack(calls)}
