-- The owner with epoch ARGV[1] releases the store. Returns 1 if it is the current owner, otherwise 0.
if redis.call('HGET', P .. 'store', 'epoch') ~= ARGV[1] then return 0 end
redis.call('HSET', P .. 'store', 'clean', '1')
return 1
