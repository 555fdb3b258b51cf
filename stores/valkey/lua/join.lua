-- Adds the node ARGV[1] at url ARGV[2] ('' for none), with a lease of ARGV[3] ms. Returns the epoch
-- for runs that are saved first.
redis.call('ZADD', NODES, now() + ARGV[3], ARGV[1])
redis.call('HSET', P .. 'urls', ARGV[1], ARGV[2])
return (redis.call('HGET', P .. 'store', 'epoch') or 0) + 1
