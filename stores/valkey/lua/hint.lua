-- Tells the other nodes that node ARGV[2] has done ARGV[1]: 'changed' or 'left'.
hint(ARGV[1], ARGV[2])
