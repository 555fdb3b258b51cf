-- Renews the lease of node ARGV[1], which is at url ARGV[2], to ARGV[3] ms from now. Returns 0 if the lease had ended.
if not is_live(ARGV[1]) then return 0 end
redis.call('ZADD', NODES, now() + ARGV[3], ARGV[1])
redis.call('HSET', P .. 'urls', ARGV[1], ARGV[2])
return 1
