-- phone: an agent's telephone is free, in use or gone. During an attempt, wrap-up or break that is only remembered.
-- KEYS[1] the telephones. ARGV address, state. Returns 1: some agent is ready now | 0

local address, state = unpack(ARG)
if redis.call('HGET', KEYS[1], address) == state then return 0 end
redis.call('HSET', KEYS[1], address, state)
local ready = 0
for _, id in ipairs(redis.call('SMEMBERS', key('everyone'))) do
  if redis.call('HGET', key('agent', id), 'phone') == address then
    local a = load('agent', id)
    heed_phone(a)
    if a.state == 'ready' then ready = 1 end
  end
end
return ready
