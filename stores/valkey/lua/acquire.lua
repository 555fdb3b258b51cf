-- A new owner of the whole store, ARGV[1]. Returns its epoch, and whether the owner before it had released the store.
local clean = redis.call('HGET', P .. 'store', 'clean') ~= '0'
redis.call('HSET', P .. 'store', 'owner', ARGV[1], 'clean', '0')
return {redis.call('HINCRBY', P .. 'store', 'epoch', 1), clean and 1 or 0}
