-- The nodes whose lease has not ended: the id and url of each.
local found = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', NODES, '(' .. string.format('%.0f', now()), '+inf')) do
  found[#found + 1] = {node, redis.call('HGET', P .. 'urls', node)}
end
return found
