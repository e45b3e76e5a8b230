-- Shared by every script of the line; the store puts it, and the tables KEY (keys.py) and MOVES (states.py), before each.
-- Law: only move_entry and move_agent change a state or an index, and every script guards before its first write.
-- KEYS[1] is the thing a script is about; what follows from it is derived and has the same hash tag.
-- ARGV[1] prefix, ARGV[2] now (epoch ms), ARGV[3] the queues' rules as JSON or empty; a script's own start at ARGV[4].

local PREFIX, NOW = ARGV[1], tonumber(ARGV[2])
local ARG = {unpack(ARGV, 4)}
local KEEP_S = 86400          -- an ended entry or attempt answers late messages for a day
local STREAM_LIMIT = 1000000  -- about two busy days; the projector is seconds behind, not days
local LOOK_AGAIN_MS = 120000  -- a talk is looked at this often, in case its end was never reported
local MEET_MS = 5000          -- who accepted is looked at this often, until the customer is with him

local function key(name, part) return PREFIX .. KEY[name] .. (part or '') end

-- Numbers are written out in full: Lua alone would write 1.7e+12.
local function int(n) return string.format('%.0f', n) end

-- The queue's own numbers; a queue that left the file goes on with the defaults, which stand under the empty name.
local RULES
local function rule(queue)
  RULES = RULES or cjson.decode(ARGV[3])
  return RULES[queue] or RULES['']
end

-- A hash as a table with its id, or nil.
local function load(name, id)
  local flat = redis.call('HGETALL', key(name, id))
  if #flat == 0 then return nil end
  local thing = {id = id}
  for i = 1, #flat, 2 do thing[flat[i]] = flat[i + 1] end
  return thing
end

local function set(name, thing, changes)
  local args = {}
  for field, value in pairs(changes) do
    if type(value) == 'number' then value = int(value) end
    thing[field] = value
    args[#args + 1] = field
    args[#args + 1] = value
  end
  redis.call('HSET', key(name, thing.id), unpack(args))
end

-- event(type, ids, name, value, ...): appends to the stream; ids has any of call, queue, entry, agent, attempt.
local function event(kind, ids, ...)
  local args = {'MAXLEN', '~', STREAM_LIMIT, '*', 'type', kind, 'at', int(NOW)}
  for _, name in ipairs({'call', 'queue', 'entry', 'agent', 'attempt'}) do
    if ids[name] and ids[name] ~= '' then
      args[#args + 1] = name
      args[#args + 1] = ids[name]
    end
  end
  for _, value in ipairs({...}) do
    args[#args + 1] = type(value) == 'number' and int(value) or value
  end
  redis.call('XADD', key('events'), unpack(args))
end

local function each(text, mark)  -- iterates the parts of 'a,b,c'
  return string.gmatch(text or '', '[^' .. mark .. ']+')
end

local function waited(e) return NOW - tonumber(e.entered_ms) end

local function chosen(e) return e.chosen_ms ~= '0' and '1' or '0' end

local function lane_of(e) return e.queue .. '|' .. e.skills end

-- The one agent whom an entry waits for, or nil. It is written where the skills are, so that such entries have a lane of their own.
local function wanted(skills) return string.match(skills, '^agent:(.+)$') end

-- The skills that an entry needs (a+b) of whoever serves it, also while it waits for one agent alone.
local function needs(e) return wanted(e.skills) and (e.needs or '') or e.skills end

-- Whether an agent will be free again before long: signed in, and not paused but for the moment of a call of his own.
local function is_there(id)
  local found = redis.call('HMGET', key('agent', id), 'state', 'reason')
  return found[1] and found[1] ~= 'offline' and (found[1] ~= 'paused' or found[2] == 'phone_in_use')
end

-- Entries ---------------------------------------------------------------------------------------------------------

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

-- Agents ----------------------------------------------------------------------------------------------------------

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

-- Attempts --------------------------------------------------------------------------------------------------------

-- The deadline of a running attempt whose entry goes to `state`, or stays in it.
local function due(t, e, a, state, deadline, changes)
  set('attempt', t, {deadline_ms = deadline})
  move_entry(e, state, deadline, changes)
  if a then redis.call('ZADD', key('agents', a.state), 'XX', int(deadline), a.id) end
end

-- The attempt with its entry and agent while it runs, else nil: late and double messages end here.
local function running(id)
  local t = load('attempt', id)
  if not t or t.over ~= '' then return nil, t end
  local e = load('entry', t.entry)
  if not e or e.attempt ~= id then return nil, t end
  return t, e, t.agent ~= '' and load('agent', t.agent) or nil
end

local function end_attempt(t, why)
  set('attempt', t, {over = why})
  redis.call('EXPIRE', key('attempt', t.id), KEEP_S)
end

-- The calls that an attempt had placed and that have no purpose when it ends, but for the one that has just ended. A customer
-- who holds keeps holding.
local function lost_calls(t, e, ended_leg)
  local calls = {}
  for _, leg in ipairs({'agent', 'customer'}) do
    local call = t[leg .. '_call']
    if t[leg .. '_placed'] == '1' and leg ~= ended_leg and not (e.mode == 'live' and call == e.call) then
      calls[#calls + 1] = call
    end
  end
  return calls
end

local function attempt_ended(t, leg, outcome, becomes, due)
  event('attempt_ended', {queue = t.queue, entry = t.entry, agent = t.agent, attempt = t.id},
    'leg', leg, 'outcome', outcome, 'next', becomes, 'due_ms', due or '0')
end

-- Agent and entry talk from now on.
local function connect(t, e, a)
  local hold = e.held_ms ~= '0' and NOW - tonumber(e.held_ms) or 0
  set('attempt', t, {connected_ms = NOW, deadline_ms = NOW + MEET_MS, c_mode = e.mode, c_wait_ms = waited(e),
    c_hold_ms = hold})
  move_entry(e, 'connected', NOW + MEET_MS)
  move_agent(a, 'on_call', NOW + MEET_MS, '', {misses = 0})
  event('connected', {call = e.call, queue = e.queue, entry = e.id, agent = a.id, attempt = t.id},
    'mode', e.mode, 'chosen', chosen(e), 'wait_ms', waited(e), 'hold_ms', hold,
    'target_ms', rule(e.queue).target_ms, 'line_ms', e.line_ms)
end

-- `connected` did not come true: the same figures again, to be taken back.
local function undo_connect(t, e)
  event('returned', {call = e.call, queue = e.queue, entry = e.id, agent = t.agent, attempt = t.id},
    'mode', t.c_mode, 'chosen', chosen(e), 'wait_ms', t.c_wait_ms, 'hold_ms', t.c_hold_ms,
    'target_ms', rule(e.queue).target_ms, 'line_ms', e.line_ms, 'entered_ms', e.entered_ms)
end

-- The agent has talked for `talk` ms in `queue` and wraps up.
local function wrap_up(a, queue, talk)
  local ms = rule(queue).wrap_up_ms
  move_agent(a, 'wrap_up', NOW + ms, '', {talk_ms = talk, queue = queue})
  if ms == 0 then
    handled(a)
    free_agent(a, NOW)
  end
end

-- The talk is over, as `leg` tells: the agent wraps up, unless it was somebody of whom we know nothing.
local function complete(t, e, a, leg)
  local talk = NOW - tonumber(t.connected_ms)
  end_attempt(t, 'completed')
  set('attempt', t, {told_by = leg})
  move_entry(e, 'completed')
  event('completed', {call = e.call, queue = e.queue, entry = e.id, agent = t.agent, attempt = t.id}, 'talk_ms', talk)
  if a then wrap_up(a, e.queue, talk) end
end

-- A talk that goes on with somebody else: {t, e, a} of the attempt, `a` nil when its agent has no part in it any more.
-- The word of it may come after the agent's call has ended, which counts as the end of the talk: that is then taken back,
-- while the customer's call is not known to be over.
local function goes_on(id, call)
  local t, e, a = running(id)
  if t then
    if e.state == 'connected' and t.met == '1' and e.call == call then return t, e, a end
    return nil
  end
  t = load('attempt', id)
  e = t and load('entry', t.entry)
  if not e or t.over ~= 'completed' or t.told_by ~= 'agent' or e.state ~= 'completed' then return nil end
  if e.attempt ~= id or e.call ~= call or redis.call('GET', key('call', call)) == '' then return nil end
  return t, e, nil
end

-- What an entry becomes whose caller stays on the line after a talk: nothing is left of the callback that it may have been.
local function plain_caller(e)
  release_phone(e)
  redis.call('ZREM', key('expiries'), e.id)
  local changes = {mode = 'live', chosen_ms = 0, line_ms = 0, held_ms = 0, dials = 0, promised_ms = 0, due_ms = 0,
    expires_ms = 0, order = '', max_attempts = 0, retry_ms = 0}
  for field in pairs(e) do
    if string.sub(field, 1, 6) == 'tries_' then changes[field] = 0 end
  end
  return changes
end

-- The live caller left unserved.
local function abandon(e)
  local short = waited(e) <= rule(e.queue).short_ms and '1' or '0'
  move_entry(e, 'abandoned')
  event('abandoned', {call = e.call, queue = e.queue, entry = e.id},
    'wait_ms', waited(e), 'short', short, 'chosen', chosen(e), 'target_ms', rule(e.queue).target_ms)
end
