-- talk_ended: a side of a connected attempt is gone (met 1: completed), or found the room empty (met 0: back to the old place).
-- Whoever is gone before the customer was sent into the room has met nobody: back to the old place, too. A talk that was
-- handed over has been one, whatever is told of its end.
-- Of the agent's side it counts only if it is still that call's: he may have handed the talk over a moment ago.
-- KEYS[1] the attempt. ARGV attempt, leg that tells, met, heard_by (for a caller who holds again), the agent's call as whoever
--      tells has seen it
-- Returns {late: no change} | {completed} | {waiting, call to hang up ...}

local id, leg, met, heard, agent_call = unpack(ARG)
local t, e, a = running(id)
if not t or e.state ~= 'connected' then return {'late'} end
if leg == 'agent' and t.agent_call ~= agent_call then return {'late'} end
if t.met == '1' and (met == '1' or t.handed) then
  complete(t, e, a, leg)
  return {'completed'}
end
local calls = lost_calls(t, e, leg)
undo_connect(t, e)
attempt_ended(t, leg, 'failed', 'waiting')
end_attempt(t, 'failed')
move_entry(e, 'waiting', nil, e.mode == 'callback' and {call = ''} or nil)
if e.mode == 'live' then heard_by(e, tonumber(heard)) end
-- Who told is there; an agent who was not found in the room goes to the end of the row.
if a then free_agent(a, leg == 'agent' and tonumber(t.idle_ms) or NOW) end
return {'waiting', unpack(calls)}
