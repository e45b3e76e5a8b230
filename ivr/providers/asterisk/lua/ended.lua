-- ringing or up -> ended. The first end stands.
-- KEYS[1]  hash of the call
-- KEYS[2]  note of an end that nobody knew the call of
-- ARGV[1]  call  [2] outcome: what became of it if it was ringing; a call that was up has been answered, or canceled by ourselves
-- ARGV[3]  prefix of the sets of calls  [4] seconds to keep it once ended  [5] seconds to keep the note
-- Returns the outcome that stands, or nil for a call that is not known: then the note is written.
local call = redis.call('HMGET', KEYS[1], 'state', 'outcome', 'node')
local state, outcome, node = call[1], call[2], call[3]
if not state then
  redis.call('SET', KEYS[2], '1', 'EX', ARGV[5])
  return nil
end
if state == 'ended' then
  return outcome
end
outcome = state == 'up' and ARGV[2] ~= 'canceled' and 'answered' or ARGV[2]
redis.call('HSET', KEYS[1], 'state', 'ended', 'outcome', outcome)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SREM', ARGV[3] .. node, ARGV[1])
return outcome
