-- phone_down: a call that we placed for an attempt has ended: its phone may be rung again without hanging up on it first.
-- KEYS[1] the attempt. ARGV attempt, leg, call. Returns 1 | 0: that phone has been rung again since, or it is known already

local id, leg, call = unpack(ARG)
local t = load('attempt', id)
if not t then return 0 end
local kind = leg == 'agent' and 'agent' or 'entry'
local whose = load(kind, leg == 'agent' and t.agent or t.entry)
if not whose or whose.last_call ~= call then return 0 end
set(kind, whose, {last_call = ''})
return 1
