-- Functions for all scripts. KEYS[1] is what all keys of the store begin with; stores/README.md lists them.
local P = KEYS[1]
local NODES, CHANGES = P .. 'nodes', P .. 'changes'
local OVER = {completed = true, failed = true, aborted = true}

-- The server's clock, in ms.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An index's member for a run: a number of 17 digits, then the id. So members sort by the number, then by the id.
-- places.py has the same.
local function place(number, id)
  local n = tonumber(number)
  if n < 0 then return string.format('0%016.0f', n + 2 ^ 53) .. id end
  return string.format('1%016.0f', n) .. id
end

-- The fields of a run that the indexes depend on; nil if the run does not exist.
local function read(id)
  local found = redis.call('HMGET', P .. 'run:' .. id,
    'version', 'epoch', 'node', 'unclean', 'status', 'agent', 'waiting', 'due', 'created')
  if not found[1] then return nil end
  return {
    version = found[1], epoch = found[2], node = found[3] or '', unclean = found[4] or '', status = found[5],
    agent = found[6], waiting = found[7], due = found[8], created = found[9],
  }
end

-- The indexes that have the run, with its member in each.
local function places(id, run)
  local found = {}
  if not run then return found end
  local age = place(run.created, id)
  for _, list in ipairs(run.waiting == '' and {'all'} or {'all', 'waiting'}) do
    for _, status in ipairs({'', run.status}) do
      local key = P .. 'list:' .. list .. ':' .. status
      found[key] = age
      found[key .. ':' .. run.agent] = age
    end
  end
  if run.due ~= '' then found[P .. 'due'] = place(run.due, id) end
  if run.node ~= '' and not OVER[run.status] then
    found[P .. 'owned:' .. run.node] = id
  elseif run.node == '' and run.status == 'running' then
    found[P .. 'free:' .. run.agent] = age
  end
  return found
end

local function index(before, after)
  for key, member in pairs(before) do
    if after[key] ~= member then redis.call('ZREM', key, member) end
  end
  for key, member in pairs(after) do
    if before[key] ~= member then redis.call('ZADD', key, 0, member) end
  end
end

-- Nil if an owner with this epoch may write; otherwise the ownership of the store. Epoch 0 may write without an owner.
local function refused(epoch)
  local found = redis.call('HMGET', P .. 'store', 'epoch', 'clean')
  local given, owner = tonumber(epoch), tonumber(found[1] or 0)
  if given > owner or (given == owner and (owner == 0 or found[2] == '0')) then return nil end
  return {'owner', owner, found[2] == '0' and 0 or 1}
end

-- Notes a change of the run for the other nodes, and removes notes that are two minutes old. Returns the note's number.
local function tell(node, id, ...)
  local oldest = string.format('%.0f', now() - 120000)
  return redis.call('XADD', CHANGES, 'MINID', '~', oldest, '*', 'node', node, 'run', id, ...)
end

-- Tells the other nodes at once. A user without permission for the channel changes runs all the same.
local function hint(word, node)
  redis.pcall('PUBLISH', P .. 'hints', word .. ' ' .. node)
end

local function is_live(node)
  local ends = redis.call('ZSCORE', NODES, node)
  return ends and tonumber(ends) > now()
end

-- Makes the node the owner of the run. Returns the new epoch, and whether the owner before had let the run go.
local function own(id, run, node)
  local clean = run.node == node or (run.node == '' and run.unclean == '')
  local before = places(id, run)
  run.node = node
  index(before, places(id, run))
  redis.call('HSET', P .. 'run:' .. id, 'node', node, 'unclean', '')
  -- A node without a lease must be known too, so that its runs are found.
  redis.call('ZADD', NODES, 'NX', 0, node)
  return redis.call('HINCRBY', P .. 'run:' .. id, 'epoch', 1), clean and 1 or 0
end

-- Takes the run from its node. `unclean`: '1' if the node's lease has ended, '' if it let the run go.
local function free(id, run, unclean)
  local before = places(id, run)
  run.node = ''
  index(before, places(id, run))
  redis.call('HSET', P .. 'run:' .. id, 'node', '', 'unclean', unclean)
end

-- Takes at most `limit` runs from the node; if these were all, removes the node. Returns the number of runs.
local function free_all(node, limit, unclean)
  local owned = P .. 'owned:' .. node
  local ids = redis.call('ZRANGE', owned, 0, limit - 1)
  for _, id in ipairs(ids) do
    local run = read(id)
    if run then free(id, run, unclean) else redis.call('ZREM', owned, id) end -- a server short of memory may evict runs
  end
  if #ids < limit then
    redis.call('ZREM', NODES, node)
    redis.call('HDEL', P .. 'urls', node)
  end
  return #ids
end

