-- Runs of an index: its name is ARGV[1], ARGV[2] and [3] the bounds, ARGV[4] at most how many, ARGV[5] 'REV' to begin
-- at the greatest; then the wanted fields. Returns for each run its member and these fields.
local asked = {'ZRANGE', P .. ARGV[1], ARGV[2], ARGV[3], 'BYLEX'}
if ARGV[5] == 'REV' then asked[#asked + 1] = 'REV' end
for _, word in ipairs({'LIMIT', 0, ARGV[4]}) do asked[#asked + 1] = word end

local found = {}
for n, member in ipairs(redis.call(unpack(asked))) do
  found[n] = {member, unpack(redis.call('HMGET', P .. 'run:' .. string.sub(member, 18), unpack(ARGV, 6)))}
end
return found
