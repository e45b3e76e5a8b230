-- Is a node dead? Its heartbeat is old, its dialplan has asked nothing since, and that was found to be so a while ago already.
-- The second look is for a Redis that was away, or a machine that slept: there the beats of living nodes are old for a moment.
-- KEYS[1]  hash of the node: at, up, boot, channels, by, missed, heard
-- ARGV[1]  now (epoch ms)  [2] ms without a sign of life  [3] ms between the two looks  [4] seconds to keep the hash
-- Returns 1 when it is dead.
local now = tonumber(ARGV[1])
local signs = redis.call('HMGET', KEYS[1], 'at', 'heard')
local last = math.max(tonumber(signs[1] or '0'), tonumber(signs[2] or '0'))
if now - last < tonumber(ARGV[2]) then
  return 0
end
redis.call('HSETNX', KEYS[1], 'missed', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return now - tonumber(redis.call('HGET', KEYS[1], 'missed')) >= tonumber(ARGV[3]) and 1 or 0
