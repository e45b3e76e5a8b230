-- join: a new entry takes its place in line, live or as a callback; one due later is scheduled instead.
-- KEYS[1] the entry. Idempotent by call: a call that still stands in this queue gets its entry again.
-- ARGV id, queue, mode, call, number, who, lang, skills (a+b), band, credit_ms, limit (waiting live, or open callbacks),
--      heard_by, due_ms, promised_ms, expires_ms, order, max_attempts, retry_ms, p50_s, p80_s, p90_s, refuse
-- Returns {joined|again, entry} | {duplicate, entry that holds this number} | {full} | {refuse, if not empty} | {over: the call has ended}

local id, queue, mode, call, number, who, lang, skills, band, credit, limit = unpack(ARG, 1, 11)
local heard, due, promised, expires, order, max_attempts, retry, p50, p80, p90, refuse = unpack(ARG, 12, 22)

if call ~= '' then
  local known = redis.call('GET', key('call', call))
  if known == '' then return {'over'} end
  local e = known and load('entry', known)
  if e and e.queue == queue and not MOVES.ended[e.state] and e.mode == mode then return {'again', e.id} end
end
if refuse ~= '' then return {refuse} end
if mode == 'live' then
  local waiting = redis.call('ZCARD', key('callers', queue)) + redis.call('ZCARD', key('callbacks', queue))
  if waiting >= tonumber(limit) then return {'full'} end
else
  local other = redis.call('HGET', key('phones', queue), who)
  if other then return {'duplicate', other} end
  if redis.call('HLEN', key('phones', queue)) >= tonumber(limit) then return {'full'} end
end

local later = tonumber(due) > NOW
local e = {id = id, queue = queue}
set('entry', e, {
  queue = queue, mode = mode, state = later and 'scheduled' or 'waiting', entered_ms = NOW, band = band,
  credit_ms = credit, member = new_member(id),
  number = number, who = who, lang = lang, skills = skills, call = mode == 'live' and call or '', attempt = '', agent = '',
  chosen_ms = mode == 'live' and 0 or NOW, line_ms = 0, held_ms = 0, dials = 0, promised_ms = promised, due_ms = due,
  expires_ms = expires, order = order, max_attempts = max_attempts, retry_ms = retry,
})
set('entry', e, {score = score_at(e, later and tonumber(due) or NOW)})
enter_index(e)
if call ~= '' then redis.call('SET', key('call', call), id, 'EX', KEEP_S) end
local position = later and 0 or ahead(queue, e.score, e.member) + 1
local waiting = redis.call('ZCARD', key('callers', queue)) + redis.call('ZCARD', key('callbacks', queue))
event('entry_joined', {call = call, queue = queue, entry = id},
  'who', who, 'mode', mode, 'band', band, 'score', e.score, 'entered_ms', e.entered_ms,
  'position', position, 'waiting', waiting, 'p50_s', p50, 'p80_s', p80, 'p90_s', p90)
if mode == 'live' then
  heard_by(e, tonumber(heard))
else
  redis.call('HSET', key('phones', queue), who, id)
  redis.call('ZADD', key('expiries'), expires, id)
  event('callback_chosen', {call = call, queue = queue, entry = id},
    'wait_ms', 0, 'promised_ms', promised, 'due_ms', due)
end
return {'joined', id}
