-- sweep: whatever is overdue. What needs no question to the provider is done here; the rest is returned.
-- KEYS[1] the reserved entries. ARGV most of each kind, closed queues as JSON: {queue: [opens_ms (0: never), closing]}
-- Returns {number returned, promoted, handled, moved to the next opening,
--          entries to tell {entry, why ...}, attempts {dialing}, {connected}, live entries {entry, call ...}}

local most, closed = tonumber(ARG[1]), cjson.decode(ARG[2])

local function overdue(set_key)
  return redis.call('ZRANGEBYSCORE', set_key, '-inf', int(NOW), 'LIMIT', 0, most)
end

-- The next opening of a closed queue that moves its callbacks there, or nil.
local function next_opening(queue)
  local hours = closed[queue]
  return hours and hours[2] == 'next_opening' and hours[1] > NOW and hours[1] or nil
end

local function postpone(e, opens)
  move_entry(e, 'scheduled', nil, {due_ms = opens})
  if tonumber(e.expires_ms) < opens then redis.call('ZADD', key('expiries'), int(opens), e.id) end
end

local function return_expired_leases()
  local ids = overdue(KEYS[1])
  for _, id in ipairs(ids) do
    local e = load('entry', id)
    local t, _, a = running(e.attempt)
    attempt_ended(t, t.leg, 'canceled', 'waiting')
    end_attempt(t, 'lease')
    move_entry(e, 'waiting')
    if a then free_agent(a, tonumber(t.idle_ms)) end
  end
  return #ids
end

local function promote_due()
  local count = 0
  for _, id in ipairs(overdue(key('entries', 'scheduled'))) do
    local e = load('entry', id)
    local opens = next_opening(e.queue)
    if opens then
      postpone(e, opens)
    else
      move_entry(e, 'waiting')
      event('promoted', {queue = e.queue, entry = id}, 'score', e.score)
      count = count + 1
    end
  end
  return count
end

local function end_wrap_ups()
  local ids = overdue(key('agents', 'wrap_up'))
  for _, id in ipairs(ids) do
    local a = load('agent', id)
    handled(a)
    free_agent(a, NOW)
  end
  return #ids
end

local function close_queues(told)
  local count = 0
  for queue, hours in pairs(closed) do
    local opens = next_opening(queue)
    if opens or hours[2] == 'message' then
      for _, member in ipairs(redis.call('ZRANGE', key('callbacks', queue), 0, most - 1)) do
        local e = load('entry', string.match(member, '^%d+:(.*)$'))
        if opens then
          postpone(e, opens)
          count = count + 1
        elseif not redis.call('ZSCORE', key('aside'), member) then
          told[#told + 1] = e.id
          told[#told + 1] = 'closed'
        end
      end
    end
  end
  return count
end

local function expire(told)
  for _, id in ipairs(overdue(key('expiries'))) do
    local e = load('entry', id)
    redis.call('ZADD', key('expiries'), int(NOW + LOOK_AGAIN_MS), id)  -- one that rings or is held has time till then
    if e.mode == 'callback' and (e.state == 'waiting' or e.state == 'scheduled') then
      local opens = next_opening(e.queue)
      if opens then
        postpone(e, opens)
      else
        told[#told + 1] = id
        told[#told + 1] = 'expired'
      end
    end
  end
end

local function attempts_of(state)
  local attempts = {}
  for _, id in ipairs(overdue(key('entries', state))) do
    attempts[#attempts + 1] = redis.call('HGET', key('entry', id), 'attempt')
  end
  return attempts
end

redis.call('ZREMRANGEBYSCORE', key('aside'), '-inf', int(NOW))
local told, silent = {}, {}
local returned, promoted, wrapped = return_expired_leases(), promote_due(), end_wrap_ups()
local moved = close_queues(told)
expire(told)
for _, id in ipairs(overdue(key('live'))) do
  silent[#silent + 1] = id
  silent[#silent + 1] = redis.call('HGET', key('entry', id), 'call')
end
return {returned, promoted, wrapped, moved, told, attempts_of('dialing'), attempts_of('connected'), silent}
