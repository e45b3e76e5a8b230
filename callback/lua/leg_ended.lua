-- leg_ended: a leg that was rung did not become a talk.
-- The agent's: the entry is back in its old place at once. The customer's: `next` (policy.after_attempt) says where to,
-- and the agent is ready as if nothing had been.
-- KEYS[1] the attempt. ARGV attempt, leg, outcome, next (waiting|scheduled|failed|cancelled|expired), due_ms, keep (1: the old place),
--      count (1: this costs the customer a try; 0 and canceled: nothing was dialled), rest_ms (an agent whose phone could not be rung, or said no, is left alone so long)
-- Returns {late: no change} | {next, call to hang up ...}

local id, leg, outcome, becomes, due, keep, count, rest = unpack(ARG)
local t, e, a = running(id)
if not t or (e.state ~= 'reserved' and e.state ~= 'dialing') then return {'late'} end
if t.begun ~= leg and not t['answer_' .. leg] then return {'late'} end
if leg == 'customer' and t.answer_customer then return {'late'} end  -- he holds: caller_gone is about him

local calls = lost_calls(t, e, leg)
if outcome == 'canceled' and count == '0' and t.begun == leg then undo_begin(t, e, a, leg) end
if leg == 'agent' then becomes, due = 'waiting', '0' end
attempt_ended(t, leg, outcome, becomes, due)
end_attempt(t, outcome)

if leg == 'agent' then
  move_entry(e, 'waiting')
  -- A phone that cannot be rung at all counts as missed, too: else the pair would be matched again for ever.
  local missed = outcome == 'no_answer' or outcome == 'busy' or outcome == 'failed'
  local misses = tonumber(a.misses) + (missed and 1 or 0)
  -- A no that a phone says by itself comes within milliseconds: offered at once again, it would be rung some thirty times a second.
  local rests = outcome == 'failed' or outcome == 'busy' or outcome == 'refused'
  set('agent', a, {misses = misses, rest_until = rests and NOW + tonumber(rest) or 0})
  if missed and misses >= rule(e.queue).max_misses and a.after ~= 'offline' then
    move_agent(a, 'paused', NOW, outcome == 'failed' and 'phone' or 'no_answer', {attempt = '', entry = '', after = '', after_reason = ''})
  else
    free_agent(a, outcome == 'canceled' and tonumber(t.idle_ms) or NOW)  -- our own doing costs nobody his turn
  end
  return {becomes, unpack(calls)}
end

local changes = {due_ms = due}
if count == '1' then changes['tries_' .. outcome] = tonumber(e['tries_' .. outcome] or '0') + 1 end
if (becomes == 'waiting' or becomes == 'scheduled') and keep ~= '1' then changes.score = score_at(e, tonumber(due)) end
move_entry(e, becomes, nil, changes)
if becomes == 'failed' then
  event('failed', {queue = e.queue, entry = e.id}, 'why', outcome, 'wait_ms', waited(e), 'chosen', '1')
elseif becomes == 'cancelled' then
  event('cancelled', {queue = e.queue, entry = e.id}, 'why', 'customer', 'wait_ms', waited(e), 'chosen', '1')
elseif becomes == 'expired' then
  event('expired', {queue = e.queue, entry = e.id}, 'why', t.why, 'told', '1',
    'dialled', e.dials ~= '0' and '1' or '0', 'wait_ms', waited(e), 'chosen', '1')
elseif t.agent == '' then
  redis.call('ZADD', key('expiries'), math.max(NOW, tonumber(due)), e.id)  -- not reached: told later
end
if a then free_agent(a, tonumber(t.idle_ms)) end
return {becomes, unpack(calls)}
