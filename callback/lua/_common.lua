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
