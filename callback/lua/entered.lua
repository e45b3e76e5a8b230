-- entered: the customer has been sent into the room of his attempt, where the agent is: from now on what ends is a talk.
-- KEYS[1] the attempt. ARGV attempt, call. Returns 1 (again, too) | 0: the attempt is over, or this is not its customer's call

local id, call = unpack(ARG)
local t, e = running(id)
if not t or e.state ~= 'connected' or e.call ~= call then return 0 end
set('attempt', t, {met = '1'})
return 1
