-- Node ARGV[1] lets at most ARGV[2] of its runs go; if these were all, it leaves. Returns the number of runs.
local count = free_all(ARGV[1], tonumber(ARGV[2]), '')
hint('left', ARGV[1])
return count
