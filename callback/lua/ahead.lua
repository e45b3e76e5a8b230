-- ahead: a queue as a newcomer with this band and credit, or as an entry that waits, would find it. Reads only. Who waits for one agent
-- has before him those whom that agent takes first: whoever waits for that agent alone, and whom the agent can serve otherwise.
-- KEYS[1] the lanes of the queue. ARGV queue, band, credit_ms, skills (a+b), entry (empty: a newcomer)
-- Returns {ahead, live ahead, waiting, live waiting, staffed, agents signed in that have the skills,
-- ready agents (counted no further than one more than there are ahead), 1: it waits for one agent (then all ahead count as live)},
-- or nil when the entry does not wait in this queue

local queue, band, credit, skills, entry = unpack(ARG)
local score, member, agent = nil, '~', nil  -- a newcomer stands after everybody who has his score
if entry ~= '' then
  local found = redis.call('HMGET', key('entry', entry), 'score', 'member', 'state', 'queue', 'skills')
  if found[3] ~= 'waiting' or found[4] ~= queue then return false end
  score, member, agent = found[1], found[2], wanted(found[5])
else
  score = int(score_at({band = band, credit_ms = credit}, NOW))
end

local function has_skills(id, asked)
  local mine = ',' .. redis.call('HGET', key('agent', id), 'skills') .. ','
  for skill in each(asked, '+') do
    if not string.find(mine, ',' .. skill .. ',', 1, true) then return false end
  end
  return true
end

local able = 0
if skills == '' then
  able = redis.call('SCARD', key('crew', queue))
else
  for _, id in ipairs(redis.call('SMEMBERS', key('crew', queue))) do
    if has_skills(id, skills) then able = able + 1 end
  end
end

local all, all_live = 0, 0
local function count(lanes, his)
  for _, lane in ipairs(redis.call('SMEMBERS', lanes)) do
    if his(string.match(lane, '|(.*)$')) then all = all + before(key('waiting', lane), score, member) end
  end
end
if agent then
  count(key('personal'), function(asked) return wanted(asked) == agent end)
  for his in each(redis.call('HGET', key('agent', agent), 'queues'), ',') do
    count(key('lanes', his), function(asked) return has_skills(agent, asked) end)
  end
  all_live = all
else
  all, all_live = ahead(queue, score, member)
end

local ready = 0
for _, id in ipairs(redis.call('ZRANGE', key('agents', 'ready'), 0, -1)) do
  if ready > all then break end
  ready = ready + redis.call('SISMEMBER', key('staffed', queue), id)
end
local live = redis.call('ZCARD', key('callers', queue))
return {all, all_live, live + redis.call('ZCARD', key('callbacks', queue)), live,
  redis.call('SCARD', key('staffed', queue)), able, ready, agent and 1 or 0}
