-- Shared by every script of the line, after _common.lua: an entry, its indexes and its place.
-- Law: only move_entry changes the state, the mode or the place of one.

local LEASED = {reserved = true, dialing = true, connected = true}

local function leave_index(e)
  redis.call('ZREM', key('promises', e.queue), e.id)
  if e.state ~= 'waiting' then
    redis.call('ZREM', key('entries', e.state), e.id)
    return
  end
  local lane = lane_of(e)
  redis.call('ZREM', key('waiting', lane), e.member)
  redis.call('ZREM', key('aside'), e.member)
  redis.call('ZREM', key('callers', e.queue), e.member)
  redis.call('ZREM', key('callbacks', e.queue), e.member)
  if redis.call('EXISTS', key('waiting', lane)) == 0 then
    redis.call('SREM', key('lanes', e.queue), lane)
    redis.call('SREM', key('personal'), lane)
    if redis.call('EXISTS', key('lanes', e.queue)) == 0 then redis.call('SREM', key('queues'), e.queue) end
  end
end

local function enter_index(e, deadline)
  if e.state == 'waiting' then
    redis.call('ZADD', key('waiting', lane_of(e)), e.score, e.member)
    redis.call('SADD', key('lanes', e.queue), lane_of(e))
    if wanted(e.skills) then redis.call('SADD', key('personal'), lane_of(e)) end
    redis.call('SADD', key('queues'), e.queue)
    if e.mode == 'live' then
      redis.call('ZADD', key('callers', e.queue), e.entered_ms, e.member)
    else
      redis.call('ZADD', key('callbacks', e.queue), e.score, e.member)
    end
  elseif e.state == 'scheduled' then
    redis.call('ZADD', key('entries', 'scheduled'), e.due_ms, e.id)
  elseif LEASED[e.state] then
    redis.call('ZADD', key('entries', e.state), int(deadline), e.id)
  end
  if (e.state == 'waiting' or e.state == 'scheduled') and chosen(e) == '1' and e.promised_ms ~= '0' then
    redis.call('ZADD', key('promises', e.queue), e.promised_ms, e.id)
  end
end

local function release_phone(e)
  if e.who ~= '' and redis.call('HGET', key('phones', e.queue), e.who) == e.id then
    redis.call('HDEL', key('phones', e.queue), e.who)
  end
end

-- move_entry(e, to, deadline, changes): the only way an entry changes its state, its mode or its place.
local function move_entry(e, to, deadline, changes)
  if not MOVES.entry[e.state][to] then
    error('entry ' .. e.id .. ' cannot go from ' .. e.state .. ' to ' .. to .. '; see callback/states.py')
  end
  local was_over = MOVES.ended[e.state]
  leave_index(e)
  changes = changes or {}
  local agent = to == 'waiting' and wanted(changes.skills or e.skills)
  if agent and not is_there(agent) then
    changes.skills, changes.needs = changes.needs or needs(e), ''
    event('fell_back', {call = e.call, queue = changes.queue or e.queue, entry = e.id, agent = agent})
  end
  changes.state = to
  if to == 'waiting' or to == 'scheduled' then changes.attempt, changes.agent = '', '' end
  set('entry', e, changes)
  enter_index(e, deadline)
  if MOVES.ended[to] then
    release_phone(e)
    redis.call('ZREM', key('expiries'), e.id)
    redis.call('EXPIRE', key('entry', e.id), KEEP_S)
  elseif was_over then
    redis.call('PERSIST', key('entry', e.id))
  end
  if e.mode ~= 'live' or not (to == 'waiting' or to == 'reserved' or to == 'dialing') then
    redis.call('ZREM', key('live'), e.id)
  end
end

-- The score of a place taken at `at`: its band and credit are those of the entry.
local function score_at(e, at) return tonumber(e.band) * 1e13 + at - tonumber(e.credit_ms) end

-- What stands in a lane for an entry: of two with the same score, the one that came first goes first.
local function new_member(id) return string.format('%013d:', redis.call('INCR', key('seq'))) .. id end

-- How many stand before (score, member) in one sorted set: ties go by member, that is by sequence.
local function before(set_key, score, member)
  local count = redis.call('ZCOUNT', set_key, '-inf', '(' .. score)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', set_key, score, score)) do
    if other < member then count = count + 1 end
  end
  return count
end

-- Who stands before (score, member) in the whole queue: all, and the live callers among them.
local function ahead(queue, score, member)
  local all = 0
  for _, lane in ipairs(redis.call('SMEMBERS', key('lanes', queue))) do
    all = all + before(key('waiting', lane), score, member)
  end
  return all, all - before(key('callbacks', queue), score, member)
end

local function heard_by(e, at)
  redis.call('ZADD', key('live'), int(at), e.id)
end
