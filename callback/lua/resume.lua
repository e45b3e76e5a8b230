-- resume: a customer who phones in waits on the line in the place of his own callback.
-- One that is scheduled waits from now on: in its own place, or in that of a newcomer if this is the better one.
-- KEYS[1] the entry. ARGV entry, call, heard_by. Returns joined (again, too) | gone

local id, call, heard = unpack(ARG)
local e = load('entry', id)
if not e or redis.call('GET', key('call', call)) == '' then return 'gone' end
if e.mode == 'live' then return e.call == call and not MOVES.ended[e.state] and 'joined' or 'gone' end
if e.state ~= 'waiting' and e.state ~= 'scheduled' then return 'gone' end
local score = tonumber(e.score)
if e.state == 'scheduled' then score = math.min(score, score_at(e, NOW)) end
move_entry(e, 'waiting', nil, {mode = 'live', call = call, held_ms = 0, due_ms = 0, score = score})
heard_by(e, tonumber(heard))
redis.call('SET', key('call', call), id, 'EX', KEEP_S)
event('place_taken', {call = call, queue = e.queue, entry = id}, 'score', e.score)
return 'joined'
