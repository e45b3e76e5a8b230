-- The wait estimate of one queue (the arithmetic and its reasons: callback/wait_model.py, of which this is the twin).
-- One call observes one thing, or predicts; time is an argument, never read.
--
-- KEYS[1]  hash: the model of the queue. All sums are decayed with one hour, only while somebody waits.
-- KEYS[2]  string "W|ahead": what was expected for the entry when it joined (absent for `agents`, `tick`, `predict`)
-- ARGV     1 kind: join | start | abandon | agents | tick | predict
--          2 now_ms   3 waiting   4 live   5 agents (how the queue stands after it; unused by predict but 5)
--          6 handle_ms (the prior)   7 wait_ms   8 ahead   9 ahead_live   10 credit_ms
-- Returns  predict: {W, mean, P10, P20, P50, P80, P90} in seconds as text, or {} when nothing can be said
--          else: {}

local TAU_S, RATE, FLOOR_S, RATIO_DECAY, ENOUGH_STARTS = 3600, 0.008, 5, 0.98, 5
local LEAST = 1e-9 -- a sum never decays to nothing: rates stay above zero and a wait finite
local KEEP_SAID_MS = 7 * 86400000 -- housekeeping only: an entry that ends otherwise leaves nothing behind
local QUANTILES = {0.1, 0.2, 0.5, 0.8, 0.9}
local FIELDS = {'at_ms', 'waiting', 'live', 'agents', 'starts', 'agent_s', 'abandons', 'live_s', 'passers', 'credit_s',
  'backlog_s', 'actual_s', 'said_s', 'starts_ever', 'z1', 'z2', 'z3', 'z4', 'z5'}

local kind, now = ARGV[1], tonumber(ARGV[2])
local waiting, live, agents = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local wait_ms, ahead, ahead_live = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local function load()
  local found = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  local m = {at_ms = now, waiting = 0, live = 0, agents = 0, starts = 6, agent_s = 6 * tonumber(ARGV[6]) / 1000,
    abandons = 5, live_s = 2000, passers = 0, credit_s = 0, backlog_s = 600, actual_s = 3000, said_s = 3000,
    starts_ever = 0, z1 = -1.7, z2 = -1.05, z3 = -0.2, z4 = 0.6, z5 = 0.95}
  for i, name in ipairs(FIELDS) do
    if found[i] then m[name] = tonumber(found[i]) end
  end
  return m
end

local function save(m)
  local flat = {}
  for _, name in ipairs(FIELDS) do
    flat[#flat + 1] = name
    flat[#flat + 1] = string.format('%.17g', m[name])
  end
  redis.call('HSET', KEYS[1], unpack(flat))
end

local function advance(m)
  if now <= m.at_ms then return end
  local elapsed_s = (now - m.at_ms) / 1000
  if m.waiting > 0 and m.agents <= 0 then -- callbacks wait through the night: nothing is learnt, nothing forgotten
    m.live_s = m.live_s + m.live * elapsed_s
  elseif m.waiting > 0 then
    local keep = math.exp(-elapsed_s / TAU_S)
    local span_s = TAU_S * (1 - keep)
    m.starts = math.max(m.starts * keep, LEAST)
    m.agent_s = m.agent_s * keep + m.agents * span_s
    m.abandons = math.max(m.abandons * keep, LEAST)
    m.live_s = m.live_s * keep + m.live * span_s
    m.passers = m.passers * keep
    m.credit_s = m.credit_s * keep
    m.backlog_s = m.backlog_s * keep + span_s
  end
  m.at_ms = now
end

local function time_to_clear(people, capacity, leaving)
  local lost = people * leaving / capacity
  if lost < 1e-6 then return people / capacity * (1 - lost / 2) end -- the logarithm would round it away
  return math.log(1 + lost) / leaving
end

local function spread_of(n)
  return math.sqrt(0.02 + 1 / (n + 1))
end

local function expected(m)
  local capacity = agents * m.starts / m.agent_s
  local leaving = m.abandons / m.live_s
  if ahead > 0 then leaving = leaving * (ahead_live / ahead) end
  local stepping_in = m.passers / m.backlog_s
  local credit_s = m.passers > 0 and m.credit_s / m.passers or 0
  local w = time_to_clear(ahead + 1, capacity, leaving)
  if stepping_in > 0 then
    for _ = 1, 3 do
      w = time_to_clear(ahead + 1 + stepping_in * math.min(w, credit_s), capacity, leaving)
    end
  end
  return w
end

local function learn(m, said_s, said_ahead)
  local actual_s = wait_ms / 1000
  local err = math.log(math.max(actual_s, 0.5) / math.max(said_s, FLOOR_S)) / spread_of(said_ahead)
  local z = {m.z1, m.z2, m.z3, m.z4, m.z5}
  for i, q in ipairs(QUANTILES) do
    z[i] = z[i] + RATE * (q - (err < z[i] and 1 or 0))
  end
  table.sort(z)
  m.z1, m.z2, m.z3, m.z4, m.z5 = z[1], z[2], z[3], z[4], z[5]
  m.actual_s = m.actual_s * RATIO_DECAY + actual_s
  m.said_s = m.said_s * RATIO_DECAY + said_s
end

local m = load()
local behind_others = m.waiting > 0
advance(m)

if kind == 'predict' then
  if agents <= 0 or m.starts_ever < ENOUGH_STARTS then return {} end
  local w = expected(m)
  local answer = {string.format('%.17g', w), string.format('%.17g', w * m.actual_s / m.said_s)}
  for i = 1, 5 do
    answer[#answer + 1] = string.format('%.17g', math.max(w, FLOOR_S) * math.exp(m['z' .. i] * spread_of(ahead)))
  end
  return answer
end

m.waiting, m.live, m.agents = waiting, live, agents

if kind == 'join' then
  local credit_ms = tonumber(ARGV[10])
  if credit_ms > 0 and behind_others then
    m.passers = m.passers + 1
    m.credit_s = m.credit_s + credit_ms / 1000
  end
  if KEYS[2] and waiting > 0 then
    local w = agents > 0 and expected(m) or 0
    redis.call('SET', KEYS[2], string.format('%.17g|%d', w, ahead), 'PX', KEEP_SAID_MS)
  end
elseif kind == 'abandon' then
  m.abandons = m.abandons + 1
  if KEYS[2] then redis.call('DEL', KEYS[2]) end
elseif kind == 'start' then
  local said = KEYS[2] and redis.call('GET', KEYS[2])
  local waited = said and wait_ms >= 1000
  if waited or waiting > 0 then
    m.starts = m.starts + 1
    m.starts_ever = m.starts_ever + 1
  end
  if said then
    local said_s, said_ahead = string.match(said, '^(.-)|(%d+)$')
    if waited and tonumber(said_s) > 0 then learn(m, tonumber(said_s), tonumber(said_ahead)) end
    redis.call('DEL', KEYS[2])
  end
end

save(m)
return {}
