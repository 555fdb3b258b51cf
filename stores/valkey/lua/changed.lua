-- Runs that nodes other than ARGV[1] have changed since the note ARGV[2], at most ARGV[3]. Returns the number of the note
-- where the next look begins; 1 if these were all; then for each run its id, createdAt, head, and 1 if it was deleted.
local node, mark, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local AT_ONCE = 5000 -- notes

local last = redis.call('XREVRANGE', CHANGES, '+', '-', 'COUNT', 1)[1]
local newest = last and last[1] or '0-0'
if mark == '' then return {newest, 1} end

local notes = redis.call('XRANGE', CHANGES, '(' .. mark, '+', 'COUNT', AT_ONCE)
local complete = #notes < AT_ONCE
local runs, order = {}, {}
for _, note in ipairs(notes) do
  local fields = note[2] -- node, its value, run, its value; for a deletion also: deleted, the head, created, its value
  local id = fields[4]
  if fields[2] ~= node then
    if not runs[id] then order[#order + 1] = id end
    runs[id] = fields
  end
end
if #order > limit then complete = false end

local found = {#notes > 0 and newest or mark, complete and 1 or 0}
for n = 1, math.min(limit, #order) do
  local id = order[n]
  local head = redis.call('HMGET', P .. 'run:' .. id, 'created', 'data')
  if head[2] then
    found[#found + 1] = {id, head[1], head[2], 0}
  elseif runs[id][6] then -- otherwise this node has deleted the run since
    found[#found + 1] = {id, runs[id][8], runs[id][6], 1}
  end
end
return found
