-- A call is about to be placed: it rings. One id is placed once.
-- KEYS[1]  hash of the call: node, state, outcome, to, at
-- KEYS[2]  set of the calls of its node that have not ended
-- ARGV[1]  call  [2] node  [3] whom it rings  [4] now (epoch ms)  [5] seconds to keep it
-- Returns 1 when it is registered, 0 when the id is known: nothing is changed then.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'node', ARGV[2], 'to', ARGV[3], 'at', ARGV[4], 'state', 'ringing', 'outcome', '')
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
