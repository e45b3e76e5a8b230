-- held: the caller is on the line and will be heard of again.
-- KEYS[1] the entry. ARGV entry, call (empty: whichever), heard_by. Returns 1 | 0: he does not hold this place

local id, call, heard = unpack(ARG)
local e = load('entry', id)
if not e or e.mode ~= 'live' or (call ~= '' and e.call ~= call) then return 0 end
return redis.call('ZSCORE', key('live'), id) and redis.call('ZADD', key('live'), int(tonumber(heard)), id) and 1 or 0
