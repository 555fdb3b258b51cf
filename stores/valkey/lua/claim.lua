-- Makes node ARGV[2] the owner of run ARGV[1], unless the run is over or another live node owns it. Returns the new epoch
-- and whether the owner before had let the run go; or the owner and its url; or nothing.
local id, node = ARGV[1], ARGV[2]
local run = read(id)
if not run or OVER[run.status] then return false end
if run.node ~= '' and run.node ~= node and is_live(run.node) then
  return {'owned', run.node, redis.call('HGET', P .. 'urls', run.node)}
end
local epoch, clean = own(id, run, node)
return {'claimed', epoch, clean}
