-- match: the longest idle agents, one after the other, each take the oldest entry they can serve: all or nothing per pair.
-- An agent can serve a lane when its queue and all its skills are his, so only the heads of lanes are compared. Who has been set
-- aside for a while is no head: others are served before him, and are counted as overtaking him.
-- KEYS[1] the ready agents. ARGV attempt id (the n-th pair gets `<id>_<n>`), most pairs
-- Returns per pair {attempt, leg, entry, queue, waited ms, due_ms (0: never scheduled)}

local stem, most = ARG[1], tonumber(ARG[2])
if redis.call('EXISTS', key('queues')) == 0 then return {} end

redis.call('ZREMRANGEBYSCORE', key('aside'), '-inf', int(NOW))
local aside = {}     -- members that are passed over
for _, member in ipairs(redis.call('ZRANGE', key('aside'), 0, -1)) do aside[member] = true end
local lanes_of = {}  -- queue -> its lanes, read once
local personal = redis.call('SMEMBERS', key('personal'))  -- lanes that one agent alone serves, in whatever queue
local heads = {}     -- lane -> {member, score}, false when empty; forgotten when taken

local function lanes(queue)
  if not lanes_of[queue] then
    local list = redis.call('SMEMBERS', key('lanes', queue))
    table.sort(list)
    lanes_of[queue] = list
  end
  return lanes_of[queue]
end

local function head(lane)
  if heads[lane] == nil then
    local n, first = 0, nil
    repeat
      first = redis.call('ZRANGE', key('waiting', lane), n, n, 'WITHSCORES')
      n = n + 1
    until not aside[first[1]]
    heads[lane] = first[1] and {member = first[1], score = tonumber(first[2]), text = first[2]} or false
  end
  return heads[lane]
end

local function older(x, y)
  return x.score < y.score or (x.score == y.score and x.member < y.member)
end

local function can_serve(skills, lane)
  for skill in each(string.match(lane, '|(.*)$'), '+') do
    if not skills[skill] then return false end
  end
  return true
end

-- The lanes this agent can serve, and the oldest head among them.
local function choose(agent_id, queues, skill_list)
  local skills, servable, best, best_lane = {}, {}, nil, nil
  local function consider(lane)
    servable[#servable + 1] = lane
    local first = head(lane)
    if first and (not best or older(first, best)) then best, best_lane = first, lane end
  end
  for skill in each(skill_list, ',') do skills[skill] = true end
  for queue in each(queues, ',') do
    for _, lane in ipairs(lanes(queue)) do
      if can_serve(skills, lane) then consider(lane) end
    end
  end
  for _, lane in ipairs(personal) do
    if wanted(string.match(lane, '|(.*)$')) == agent_id then consider(lane) end
  end
  return best, best_lane, servable
end

local function pair(n, agent_id, best, lane, servable)
  local e = load('entry', string.match(best.member, '^%d+:(.*)$'))
  local a = load('agent', agent_id)
  local overtaken = 0
  for _, other in ipairs(servable) do
    overtaken = overtaken + before(key('waiting', other), best.text, best.member)
  end
  local rules = rule(e.queue)
  local order = e.mode == 'live' and 'live' or (e.order ~= '' and e.order or rules.order)
  local leg = order == 'customer_first' and 'customer' or 'agent'
  local deadline = NOW + rules.reserve_ms
  local t = {id = stem .. '_' .. n}
  set('attempt', t, {
    entry = e.id, agent = a.id, queue = e.queue, order = order, leg = leg, begun = '', over = '', deadline_ms = deadline,
    agent_call = t.id .. '-a', customer_call = e.mode == 'live' and e.call or t.id .. '-c',
    agent_placed = '0', customer_placed = '0', idle_ms = a.since_ms, connected_ms = 0, why = '',
  })
  event('matched', {call = e.call, queue = e.queue, entry = e.id, agent = a.id, attempt = t.id},
    'order', order, 'overtaken', overtaken)
  move_entry(e, 'reserved', deadline, {attempt = t.id, agent = a.id})
  move_agent(a, 'reserved', deadline, '', {attempt = t.id, entry = e.id})
  heads[lane] = nil
  return {t.id, leg, e.id, e.queue, int(waited(e)), e.due_ms}
end

local made = {}
for _, agent_id in ipairs(redis.call('ZRANGE', key('agents', 'ready'), 0, -1)) do
  local about = redis.call('HMGET', key('agent', agent_id), 'queues', 'skills', 'rest_until')
  if tonumber(about[3]) <= NOW then
    local best, lane, servable = choose(agent_id, about[1], about[2])
    if best then
      made[#made + 1] = pair(#made + 1, agent_id, best, lane, servable)
      if #made >= most or redis.call('EXISTS', key('queues')) == 0 then break end
    end
  end
end
return made
