-- agent: what an agent asks for himself. During an attempt it takes effect after it: a caller is never dropped.
-- KEYS[1] the agent. ARGV id, act (sign_in|ready|paused|offline|wrap_up_done), reason
-- Returns unknown | offline (must sign in first) | later (after this call) | done

local id, act, reason = unpack(ARG)
local a = load('agent', id)
if not a then return 'unknown' end
local IDLE = {attempt = '', entry = '', after = '', after_reason = ''}

if act == 'sign_in' then  -- whoever is signed in already stays as he is
  if a.after == 'offline' then set('agent', a, {after = ''}) end
  if a.state ~= 'offline' then return 'done' end
  act = 'ready'
end
if act == 'wrap_up_done' then
  if a.state == 'wrap_up' then
    handled(a)
    free_agent(a, NOW)
  end
  return 'done'
end
if act == 'paused' and a.state == 'offline' then return 'offline' end
if a.state == 'reserved' or a.state == 'on_call' then
  set('agent', a, {after = act ~= 'ready' and act or '', after_reason = act == 'paused' and reason or ''})
  return act == 'ready' and 'done' or 'later'
end
if a.state == 'wrap_up' then handled(a) end
if a.state ~= act or act == 'paused' then
  if act == 'ready' then IDLE.misses, IDLE.rest_until = 0, 0 end
  move_agent(a, act, NOW, reason, IDLE)
end
return 'done'
