-- snapshot: the whole line at one moment. Reads only.
-- KEYS[1] all agent ids. ARGV queue ...
-- Returns {queues, agents}: per queue {live, oldest live entered_ms, callbacks, oldest callback entered_ms, late,
-- scheduled, next due_ms, in progress}, per agent {id, flat hash}

local scheduled, next_due, busy = {}, {}, {}
local due = redis.call('ZRANGE', key('entries', 'scheduled'), 0, -1, 'WITHSCORES')
for i = 1, #due, 2 do
  local queue = redis.call('HGET', key('entry', due[i]), 'queue')
  scheduled[queue] = (scheduled[queue] or 0) + 1
  next_due[queue] = next_due[queue] or due[i + 1]
end
for state in pairs(LEASED) do
  for _, id in ipairs(redis.call('ZRANGE', key('entries', state), 0, -1)) do
    local queue = redis.call('HGET', key('entry', id), 'queue')
    busy[queue] = (busy[queue] or 0) + 1
  end
end

local queues = {}
for i, queue in ipairs(ARG) do
  local caller = redis.call('ZRANGE', key('callers', queue), 0, 0, 'WITHSCORES')
  local callback = redis.call('ZRANGE', key('callbacks', queue), 0, 0)
  queues[i] = {
    redis.call('ZCARD', key('callers', queue)), caller[2] or '0', redis.call('ZCARD', key('callbacks', queue)),
    callback[1] and redis.call('HGET', key('entry', string.match(callback[1], '^%d+:(.*)$')), 'entered_ms') or '0',
    redis.call('ZCOUNT', key('promises', queue), '-inf', '(' .. int(NOW)), scheduled[queue] or 0, next_due[queue] or '0',
    busy[queue] or 0,
  }
end
local agents = redis.call('SMEMBERS', KEYS[1])
table.sort(agents)
for i, id in ipairs(agents) do agents[i] = {id, redis.call('HGETALL', key('agent', id))} end
return {queues, agents}
