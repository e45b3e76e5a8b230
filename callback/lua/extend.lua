-- extend: the provider still has this attempt's call: look again later.
-- KEYS[1] the attempt. ARGV attempt, deadline. Returns 1 | 0: the attempt is over, or nothing of it was begun

local id, deadline = ARG[1], tonumber(ARG[2])
local t, e, a = running(id)
if not t or (e.state ~= 'dialing' and e.state ~= 'connected') then return 0 end
due(t, e, a, e.state, deadline)
return 1
