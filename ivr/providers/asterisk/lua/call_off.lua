-- A call is to end. One that is not known may be on its way to a node: its end is written before its beginning, so that whoever is
-- about to place it finds the id known (register_outgoing) and does not.
-- KEYS[1]  hash of the call: node, state, outcome, to, at
-- ARGV[1]  now (epoch ms)  [2] seconds to keep it
-- Returns 1 when it is called off so, 0 when it is known: nothing is changed then.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'node', '', 'to', '', 'at', ARGV[1], 'state', 'ended', 'outcome', 'canceled')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
