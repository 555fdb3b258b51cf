-- Node ARGV[1] lets runs go. ARGV: the node, then for each run its id, and the epoch with which the node owns it.
for n = 2, #ARGV, 2 do
  local run = read(ARGV[n])
  if run and run.node == ARGV[1] and run.epoch == ARGV[n + 1] then free(ARGV[n], run, '') end
end
