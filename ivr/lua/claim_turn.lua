-- One run of a turn at a time may do what cannot be undone: a webhook that is repeated while the first is at it is a second run.
-- KEYS[1]  session hash of the call: session, turn, reply
-- KEYS[2]  the claim: the name of the run that has the turn
-- ARGV[1]  the turn that the session was read at
-- ARGV[2]  the run
-- ARGV[3]  milliseconds to keep the claim from now
-- Returns 1 when the turn is this run's, 0 when it is another's or has been saved: nothing is changed then.
local holder = redis.call('GET', KEYS[2])
if redis.call('HGET', KEYS[1], 'turn') ~= ARGV[1] or (holder and holder ~= ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
