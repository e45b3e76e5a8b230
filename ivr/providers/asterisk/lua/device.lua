-- What one node says of a device, put beside what the others say.
-- KEYS[1]  hash of the devices: name -> JSON {node: state}
-- ARGV[1]  device  [2] node  [3] state as Asterisk names it
-- Returns the JSON of that device.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local states = known and cjson.decode(known) or {}
states[ARGV[2]] = ARGV[3]
local text = cjson.encode(states)
redis.call('HSET', KEYS[1], ARGV[1], text)
return text
