-- Shared by every script of the line, after _entries.lua: an agent, his telephone and his wrap-up.
-- Law: only move_agent changes his state.

local function crew(a, in_crew, staffed)
  for queue in each(a.queues, ',') do
    redis.call(in_crew and 'SADD' or 'SREM', key('crew', queue), a.id)
    redis.call(staffed and 'SADD' or 'SREM', key('staffed', queue), a.id)
  end
end

-- Whoever waits for this agent alone is anybody's from now on, in his place.
local function let_go(a)
  for _, lane in ipairs(redis.call('SMEMBERS', key('personal'))) do
    if wanted(string.match(lane, '|(.*)$')) == a.id then
      for _, member in ipairs(redis.call('ZRANGE', key('waiting', lane), 0, -1)) do
        move_entry(load('entry', string.match(member, '^%d+:(.*)$')), 'waiting')
      end
    end
  end
end

-- move_agent(a, to, score, reason, changes): the only way an agent changes his state. Nobody is ready whose telephone is not
-- free: he is paused until it is, and keeps his turn.
local function move_agent(a, to, score, reason, changes)
  local phone = to == 'ready' and redis.call('HGET', key('telephones'), a.phone)
  changes = changes or {}
  if phone and phone ~= 'free' then
    to, reason, changes.idle_ms, score = 'paused', 'phone_' .. phone, score, NOW
  end
  if not MOVES.agent[a.state][to] then
    error('agent ' .. a.id .. ' cannot go from ' .. a.state .. ' to ' .. to .. '; see callback/states.py')
  end
  local was, was_ms = a.state, NOW - tonumber(a.changed_ms)
  redis.call('ZREM', key('agents', was), a.id)
  redis.call('ZADD', key('agents', to), int(score), a.id)
  changes.state, changes.reason, changes.changed_ms = to, reason or '', NOW
  changes.since_ms = to == 'ready' and score or NOW
  set('agent', a, changes)
  crew(a, to ~= 'offline', to ~= 'offline' and to ~= 'paused')
  event('agent_changed', {agent = a.id, attempt = a.attempt, entry = a.entry},
    'was', was, 'state', to, 'reason', reason or '', 'was_ms', was_ms)
  if to == 'offline' or (to == 'paused' and reason ~= 'phone_in_use') then let_go(a) end
end

-- What is known of his telephone has changed, or it is another: a ready agent whose phone is not free is paused, one who is
-- paused for that reason alone is ready again.
local function heed_phone(a)
  if a.state == 'ready' and (redis.call('HGET', key('telephones'), a.phone) or 'free') ~= 'free' then
    move_agent(a, 'ready', tonumber(a.since_ms))
  elseif a.state == 'paused' and (a.reason == 'phone_in_use' or a.reason == 'phone_gone') then
    move_agent(a, 'ready', tonumber(a.idle_ms))
  end
end

-- The agent has nothing to do any more: ready, idle since `idle`, or what he asked for meanwhile.
local function free_agent(a, idle)
  local after, reason = a.after or '', a.after_reason or ''
  local changes = {attempt = '', entry = '', after = '', after_reason = ''}
  if after ~= '' then
    move_agent(a, after, NOW, reason, changes)
  else
    move_agent(a, 'ready', idle, '', changes)
  end
end

-- The wrap-up is over: the contact is handled. The caller then moves or frees the agent.
local function handled(a)
  event('handled', {queue = a.queue, entry = a.entry, agent = a.id, attempt = a.attempt},
    'talk_ms', a.talk_ms, 'wrap_ms', NOW - tonumber(a.changed_ms), 'held_ms', '0')
end
