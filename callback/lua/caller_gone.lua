-- caller_gone: the caller on the line hung up, or was not there any more when he was to be moved.
-- Plain live caller: abandoned. In the place of his callback: a callback again, in the same place; one whom we had rung and
-- who held goes where `next` says. Connected: the talk is over, unless the two never met (who was handed over has met one).
-- KEYS[1] the entry. ARGV entry, call, never_met (1), outcome, next, due_ms, keep
-- Returns {late: no change} | {completed|abandoned|waiting|scheduled|failed, call to hang up ...}

local id, call, never_met, outcome, becomes, due, keep = unpack(ARG)
local e = load('entry', id)
if not e or e.mode ~= 'live' or e.call ~= call or MOVES.ended[e.state] then return {'late'} end
local t, _, a = running(e.attempt)
if e.state == 'connected' and t.met == '1' and (never_met ~= '1' or t.handed) then
  complete(t, e, a, 'customer')
  return {'completed'}
end
if e.state == 'connected' then undo_connect(t, e) end

local rung = e.held_ms ~= '0'
if chosen(e) == '0' then
  becomes = 'abandoned'
elseif not rung then
  becomes, due, keep = 'waiting', '0', '1'
end
local calls = {}
if t then
  calls = lost_calls(t, e)
  attempt_ended(t, 'customer', 'canceled', becomes, due)
  end_attempt(t, 'canceled')
end
if becomes == 'abandoned' then
  abandon(e)
else
  local changes = {mode = 'callback', call = '', held_ms = 0, due_ms = due}
  if rung then changes['tries_' .. outcome] = tonumber(e['tries_' .. outcome] or '0') + 1 end
  if rung and becomes ~= 'failed' and keep ~= '1' then changes.score = score_at(e, tonumber(due)) end
  event('caller_left', {call = call, queue = e.queue, entry = id}, 'next', becomes, 'due_ms', due)
  move_entry(e, becomes, nil, changes)
  if becomes == 'failed' then
    event('failed', {queue = e.queue, entry = id}, 'why', outcome, 'wait_ms', waited(e), 'chosen', '1')
  end
end
if a then free_agent(a, tonumber(t.idle_ms)) end
return {becomes, unpack(calls)}
