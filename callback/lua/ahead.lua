-- ahead: a queue as a newcomer with this band and credit, or as an entry that waits, would find it. Reads only.
-- KEYS[1] the lanes of the queue. ARGV queue, band, credit_ms, skills (a+b), entry (empty: a newcomer)
-- Returns {ahead, live ahead, waiting, live waiting, staffed, agents signed in that have the skills,
-- ready agents (counted no further than one more than there are ahead)}, or nil when the entry does not wait in this queue

local queue, band, credit, skills, entry = unpack(ARG)
local score, member = nil, '~'  -- a newcomer stands after everybody who has his score
if entry ~= '' then
  local found = redis.call('HMGET', key('entry', entry), 'score', 'member', 'state', 'queue')
  if found[3] ~= 'waiting' or found[4] ~= queue then return false end
  score, member = found[1], found[2]
else
  score = int(score_at({band = band, credit_ms = credit}, NOW))
end
local able = 0
if skills == '' then
  able = redis.call('SCARD', key('crew', queue))
else
  for _, id in ipairs(redis.call('SMEMBERS', key('crew', queue))) do
    local mine = ',' .. redis.call('HGET', key('agent', id), 'skills') .. ','
    local all = true
    for skill in each(skills, '+') do all = all and string.find(mine, ',' .. skill .. ',', 1, true) ~= nil end
    if all then able = able + 1 end
  end
end
local live = redis.call('ZCARD', key('callers', queue))
local all, all_live = ahead(queue, score, member)
local ready = 0
for _, id in ipairs(redis.call('ZRANGE', key('agents', 'ready'), 0, -1)) do
  if ready > all then break end
  ready = ready + redis.call('SISMEMBER', key('staffed', queue), id)
end
return {all, all_live, live + redis.call('ZCARD', key('callbacks', queue)), live,
  redis.call('SCARD', key('staffed', queue)), able, ready}
