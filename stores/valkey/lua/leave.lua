-- Node ARGV[1] lets at most ARGV[2] of its runs go; if these were all, it leaves. Returns the number of runs.
return free_all(ARGV[1], tonumber(ARGV[2]), '')
