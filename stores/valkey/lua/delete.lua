-- Node ARGV[1] deletes run ARGV[2], unless its epoch is above ARGV[3].
local node, id, epoch = ARGV[1], ARGV[2], ARGV[3]
local owner = refused(epoch)
if owner then return owner end
local run = read(id)
if not run then return {'deleted'} end
if tonumber(run.epoch) > tonumber(epoch) then return {'epoch', run.epoch} end
tell(node, id, 'deleted', redis.call('HGET', P .. 'run:' .. id, 'data'), 'created', run.created)
index(places(id, run), {})
redis.call('UNLINK', P .. 'run:' .. id, P .. 'journal:' .. id)
hint('changed', node)
return {'deleted'}
