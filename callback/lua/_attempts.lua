-- Shared by every script of the line, after _agents.lua: an attempt, its legs and its talk.

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

-- Nothing was dialled for a leg that had begun: `begin` is taken back. Of its phone the last call of ours is the one before, which
-- may still be up.
local function undo_begin(t, e, a, leg)
  local kind, rung = leg == 'agent' and 'agent' or 'entry', leg == 'agent' and a or e
  if rung.last_call == t[leg .. '_call'] then set(kind, rung, {last_call = t.left_up or ''}) end
  if leg == 'customer' and t.agent ~= '' then redis.call('HINCRBY', key('entry', e.id), 'dials', -1) end
  event('dial_undone', {call = t[leg .. '_call'], queue = e.queue, entry = e.id, agent = t.agent, attempt = t.id},
    'leg', leg, 'first', t.first or '0', 'promised_ms', e.promised_ms, 'begun_ms', t.begun_ms or int(NOW))
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
