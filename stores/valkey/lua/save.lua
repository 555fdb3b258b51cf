-- Saves a run, and appends to its journal. ARGV: the node that saves, or ''; the run's id; the expected version; version,
-- epoch, status, agent, waitingSince, nextDue and createdAt of the head, '' for none; the head; the new entries.
local node, id, expected = ARGV[1], ARGV[2], ARGV[3]
local run = {
  version = ARGV[4], epoch = ARGV[5], status = ARGV[6], agent = ARGV[7], waiting = ARGV[8], due = ARGV[9],
  created = ARGV[10],
}
local owner = refused(run.epoch)
if owner then return owner end
local stored = read(id)
if stored and tonumber(stored.epoch) > tonumber(run.epoch) then return {'epoch', stored.epoch} end
local version = stored and stored.version or '0'
if version ~= expected or (stored and expected == '0') then return {'version', version} end

local change = tell(node, id)
run.node = stored and stored.node or node
run.created = stored and stored.created or run.created
index(places(id, stored), places(id, run))
local key = P .. 'run:' .. id
redis.call('HSET', key, 'version', run.version, 'epoch', run.epoch, 'status', run.status, 'agent', run.agent,
  'waiting', run.waiting, 'due', run.due, 'data', ARGV[11])
if not stored then
  redis.call('HSET', key, 'created', run.created, 'node', node, 'birth', change)
  if node ~= '' then redis.call('ZADD', NODES, 'NX', 0, node) end
end
for first = 12, #ARGV, 1000 do
  redis.call('RPUSH', P .. 'journal:' .. id, unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('HINCRBY', key, 'entries', #ARGV - 11)
return {'saved'}
