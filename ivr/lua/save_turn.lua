-- Save what a turn made: the session, the reply to give again if the webhook is repeated, and the events, all or nothing.
-- KEYS[1]  session hash of the call: session, turn, reply
-- KEYS[2]  event stream
-- ARGV[1]  the turn that the session was read at; -1: the call must be new
-- ARGV[2]  the turn it is at now
-- ARGV[3]  session (JSON)
-- ARGV[4]  reply (JSON)
-- ARGV[5]  seconds to keep the session
-- ARGV[6]  events: a JSON list of flat lists [field, value, ...]
-- Returns 1 when saved, 0 when another turn was saved first: nothing is changed then.
local stored = redis.call('HGET', KEYS[1], 'turn')
if (ARGV[1] == '-1') ~= (not stored) or (stored and stored ~= ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'session', ARGV[3], 'turn', ARGV[2], 'reply', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
for _, fields in ipairs(cjson.decode(ARGV[6])) do
  redis.call('XADD', KEYS[2], '*', unpack(fields))
end
return 1
