-- A call has come in: it is up, unless the network has told its end before we heard of its beginning.
-- KEYS[1]  hash of the call: node, state, outcome, to, at
-- KEYS[2]  note of an end that nobody knew the call of
-- KEYS[3]  set of the calls of its node that have not ended
-- ARGV[1]  call  [2] node  [3] now (epoch ms)  [4] seconds to keep it  [5] seconds to keep it once ended
-- Returns 1 when the call is up, 0 when it is over. Repeated: the same answer, no change.
local state = redis.call('HGET', KEYS[1], 'state')
if state then
  return state == 'ended' and 0 or 1
end
local over = redis.call('EXISTS', KEYS[2]) == 1
redis.call('HSET', KEYS[1], 'node', ARGV[2], 'to', '', 'at', ARGV[3],
  'state', over and 'ended' or 'up', 'outcome', over and 'answered' or '')
redis.call('EXPIRE', KEYS[1], over and ARGV[5] or ARGV[4])
if over then
  return 0
end
redis.call('SADD', KEYS[3], ARGV[1])
return 1
