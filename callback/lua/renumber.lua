-- renumber: another number for an open callback that is not being rung.
-- KEYS[1] the entry. ARGV entry, number, who. Returns changed (again, too) | duplicate | gone

local id, number, who = unpack(ARG)
local e = load('entry', id)
if not e or chosen(e) == '0' or (e.state ~= 'waiting' and e.state ~= 'scheduled') then return 'gone' end
if e.who == who then return 'changed' end
if redis.call('HGET', key('phones', e.queue), who) then return 'duplicate' end
release_phone(e)
redis.call('HSET', key('phones', e.queue), who, id)
set('entry', e, {number = number, who = who})
event('number_changed', {queue = e.queue, entry = id})
return 'changed'
