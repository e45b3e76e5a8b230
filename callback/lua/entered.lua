-- entered: the customer has been sent into the room of his attempt, where the agent is: from now on what ends is a talk,
-- and it need not be looked at soon.
-- KEYS[1] the attempt. ARGV attempt, call. Returns 1 (again, too) | 0: the attempt is over, or this is not its customer's call

local id, call = unpack(ARG)
local t, e, a = running(id)
if not t or e.state ~= 'connected' or e.call ~= call then return 0 end
if t.met ~= '1' then
  set('attempt', t, {met = '1'})
  due(t, e, a, 'connected', NOW + LOOK_AGAIN_MS)
end
return 1
