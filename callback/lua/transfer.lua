-- transfer: an agent sends his customer on. Who talked waits in line, as a caller on the line, under the same id; the agent wraps up.
-- KEYS[1] the attempt. ARGV attempt, customer's call, queue, skills (a+b; agent:id: for that agent alone),
--      last (1: behind those who wait, not in his old place), heard_by, by, unknown (1: nobody is what the agent named),
--      reopen (1: also when the end of the agent's call was told before)
-- Returns {late: no change} | {moved, agent's call to hang up}

local id, call, queue, skills, last, heard, by, unknown, reopen = unpack(ARG)
local t, e, a = goes_on(id, call)
if not t or (e.state == 'completed' and reopen ~= '1') then return {'late'} end
local from, talk = e.queue, NOW - tonumber(t.connected_ms)
if not a then talk = 0 end
end_attempt(t, 'transferred')
set('attempt', t, {moved_entry = e.id, moved_queue = queue, moved_unknown = unknown})
local changes = plain_caller(e)
changes.queue, changes.skills, changes.entered_ms = queue, skills, NOW
changes.needs = wanted(skills) and needs(e) or ''
if last == '1' then changes.score, changes.member = score_at(e, NOW), new_member(e.id) end
event('transferred', {call = call, queue = queue, entry = e.id, agent = t.agent, attempt = id},
  'from', from, 'to', wanted(skills) and skills or queue, 'by', by, 'score', changes.score or e.score, 'talk_ms', talk)
move_entry(e, 'waiting', nil, changes)
heard_by(e, tonumber(heard))
if a then wrap_up(a, from, talk) end
return {'moved', t.agent_call}
