-- ringing -> up.
-- KEYS[1]  hash of the call
-- Returns 1 when the call is up now, 0 when it is over or was never known: nothing is changed then.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'ringing' then
  redis.call('HSET', KEYS[1], 'state', 'up')
end
return (state == 'ringing' or state == 'up') and 1 or 0
