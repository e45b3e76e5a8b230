-- Is a node dead? Its heartbeat is old, and was found to be so a while ago already.
-- The second look is for a Redis that was away, or a machine that slept: there the beats of living nodes are old for a moment.
-- KEYS[1]  hash of the node: at, up, boot, channels, missed
-- ARGV[1]  now (epoch ms)  [2] ms without a beat  [3] ms between the two looks  [4] seconds to keep the hash
-- Returns 1 when it is dead.
local now = tonumber(ARGV[1])
local beat = tonumber(redis.call('HGET', KEYS[1], 'at') or '0')
if now - beat < tonumber(ARGV[2]) then
  return 0
end
redis.call('HSETNX', KEYS[1], 'missed', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return now - tonumber(redis.call('HGET', KEYS[1], 'missed')) >= tonumber(ARGV[3]) and 1 or 0
