-- phone: an agent's telephone is free, in use or gone. During an attempt, wrap-up or break that is only remembered.
-- KEYS[1] the telephones. ARGV address, state. Returns the agents whose own state has changed by it

local address, state = unpack(ARG)
if redis.call('HGET', KEYS[1], address) == state then return {} end
redis.call('HSET', KEYS[1], address, state)
local changed = {}
for _, id in ipairs(redis.call('SMEMBERS', key('everyone'))) do
  if redis.call('HGET', key('agent', id), 'phone') == address then
    local a = load('agent', id)
    local was = a.state
    heed_phone(a)
    if a.state ~= was then changed[#changed + 1] = id end
  end
end
return changed
