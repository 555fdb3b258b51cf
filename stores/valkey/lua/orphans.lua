-- Makes node ARGV[1] the owner of at most ARGV[2] running runs that no live node owns. ARGV: then the number of agents;
-- their names; the ids of unfinished runs that the node may own without knowing, which it gets too. Returns for each its
-- id, createdAt, head, epoch, and whether the owner before had let it go; false if the runs of dead nodes are not all
-- found yet: ask again.
local node, limit, agents = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local AT_ONCE = 200 -- runs taken from dead nodes

local left = AT_ONCE
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', NODES, '-inf', now())) do
  left = left - free_all(dead, left, '1')
  if left <= 0 then return false end
end

local members, wanted = {}, {}
for n = 4, 3 + agents do
  wanted[ARGV[n]] = true
  local key = P .. 'free:' .. ARGV[n]
  for _, member in ipairs(redis.call('ZRANGE', key, '-', '+', 'BYLEX', 'LIMIT', 0, limit)) do
    members[#members + 1] = member
  end
end
for n = 4 + agents, #ARGV do
  local run = read(ARGV[n])
  if run and run.node == node and not OVER[run.status] and wanted[run.agent] then
    members[#members + 1] = place(run.created, ARGV[n])
  end
end
table.sort(members)

local found = {}
for n = 1, math.min(limit, #members) do
  local id = string.sub(members[n], 18)
  local run = read(id)
  if run then
    local epoch, clean = own(id, run, node)
    found[#found + 1] = {id, run.created, redis.call('HGET', P .. 'run:' .. id, 'data'), epoch, clean}
  end
end
return found
