-- choose: a live place becomes a callback in the same place: same id, same score, same member. One due later is scheduled.
-- KEYS[1] the entry
-- ARGV entry, number, who, limit (open callbacks), due_ms, promised_ms, expires_ms, order, max_attempts, retry_ms
-- Returns {booked} (again, too) | {duplicate, entry that holds this number} | {full} | {taken} | {gone: it has ended}

local id, number, who, limit, due, promised, expires, order, max_attempts, retry = unpack(ARG)
local e = load('entry', id)
if not e or MOVES.ended[e.state] then return {'gone'} end
local phones = key('phones', e.queue)
local other = redis.call('HGET', phones, who)
if other and other ~= id then return {'duplicate', other} end
if e.mode == 'callback' then
  if e.who == who then return {'booked'} end
  if e.state ~= 'waiting' and e.state ~= 'scheduled' then return {'taken'} end
  release_phone(e)
  redis.call('HSET', phones, who, id)
  set('entry', e, {number = number, who = who})
  event('number_changed', {queue = e.queue, entry = id})
  return {'booked'}
end
if e.state ~= 'waiting' then return {'taken'} end
if not other and redis.call('HLEN', phones) >= tonumber(limit) then return {'full'} end

local first, call = chosen(e) == '0', e.call
local later = tonumber(due) > NOW
release_phone(e)
redis.call('HSET', phones, who, id)
redis.call('ZADD', key('expiries'), expires, id)
local changes = {mode = 'callback', number = number, who = who, call = '', held_ms = 0, due_ms = due,
  expires_ms = expires, order = order, max_attempts = max_attempts, retry_ms = retry}
if first then
  changes.chosen_ms, changes.line_ms, changes.promised_ms = NOW, waited(e), promised
end
if later then changes.score = score_at(e, tonumber(due)) end
move_entry(e, later and 'scheduled' or 'waiting', nil, changes)
if first then
  event('callback_chosen', {call = call, queue = e.queue, entry = id},
    'wait_ms', waited(e), 'promised_ms', promised, 'due_ms', due)
else
  event('caller_left', {call = call, queue = e.queue, entry = id}, 'next', e.state, 'due_ms', due)
end
return {'booked'}
