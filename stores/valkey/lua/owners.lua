-- The live nodes that own the runs ARGV: for each such run its id, the node and its url.
local found = {}
for _, id in ipairs(ARGV) do
  local run = read(id)
  if run and not OVER[run.status] and run.node ~= '' and is_live(run.node) then
    found[#found + 1] = {id, run.node, redis.call('HGET', P .. 'urls', run.node)}
  end
end
return found
