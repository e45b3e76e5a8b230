-- add_agent: who an agent is and what he serves; one that is known keeps his state, as far as his telephone allows.
-- KEYS[1] the agent. ARGV id, name, phone, queues (a,b), skills (a,b), lang. Returns 1 new | 0 known

local id, name, phone, queues, skills, lang = unpack(ARG)
local a = load('agent', id)
local known = a ~= nil
a = a or {id = id}
if known then crew(a, false, false) end
set('agent', a, {name = name, phone = phone, queues = queues, skills = skills, lang = lang})
if known then
  crew(a, a.state ~= 'offline', a.state ~= 'offline' and a.state ~= 'paused')
  heed_phone(a)
  return 0
end
set('agent', a, {state = 'offline', since_ms = NOW, changed_ms = NOW, reason = '', attempt = '', entry = '', misses = 0,
  after = '', after_reason = '', rest_until = 0, queue = '', talk_ms = 0})
redis.call('ZADD', key('agents', 'offline'), int(NOW), id)
redis.call('SADD', key('everyone'), id)
return 1
