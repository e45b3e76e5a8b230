-- The control process of a node lives. One that is not logged in at Asterisk does not speak over another that is.
-- KEYS[1]  hash of the node: at, up, boot, channels, by, missed, heard
-- ARGV[1]  now (epoch ms)  [2] up (1 or 0)  [3] boot  [4] channels  [5] by: this process  [6] ms for which a beat is fresh
-- ARGV[7]  seconds to keep the hash
-- Returns 1, or 0 when another process serves the node: nothing is changed then.
local last = redis.call('HMGET', KEYS[1], 'at', 'up', 'by')
local fresh = last[1] and tonumber(ARGV[1]) - tonumber(last[1]) < tonumber(ARGV[6])
if ARGV[2] == '0' and fresh and last[2] == '1' and last[3] ~= ARGV[5] then
  return 0
end
redis.call('HSET', KEYS[1], 'at', ARGV[1], 'up', ARGV[2], 'boot', ARGV[3], 'channels', ARGV[4], 'by', ARGV[5])
redis.call('HDEL', KEYS[1], 'missed')
redis.call('EXPIRE', KEYS[1], ARGV[7])
return 1
