"""Lua scripts: what Redis does in one step, all or nothing.

Redis does not roll a script back, so each one checks everything before its
first write, and that first write is one that a full Redis (maxmemory) refuses.
"""

from stores.redis_connection import Script

__all__ = ["APPLY", "BEGIN_BUILD", "DROP", "FINISH_BUILD", "PUT_VIEWS", "SEAL", "TRIM"]

# A stored view is its version in 8 big-endian bytes, which compare like the
# numbers, and the view. A version alone takes away what is older. KEYS: the first of the
# keys; ARGV: seconds to live, a MessagePack array of keys and values in turn, and 1 if a view
# replaces one of the same version too.
PUT_VIEWS = Script("""
local given = cmsgpack.unpack(ARGV[2])
for i = 1, #given, 2 do
  local key, view = given[i], given[i + 1]
  local held = redis.call('GETRANGE', key, 0, 7)
  if #view == 8 then
    if held < view then redis.call('UNLINK', key) end
  elseif held < string.sub(view, 1, 8) or (ARGV[3] == '1' and held == string.sub(view, 1, 8)) then
    redis.call('SET', key, view, 'EX', ARGV[1])
  end
end
""")

# KEYS: seal; ARGV: the seal to be set, then those of which one must be there.
SEAL = Script("""
local held = redis.call('GET', KEYS[1]) or '0'
for i = 2, #ARGV do
  if held == ARGV[i] then
    redis.call('SET', KEYS[1], ARGV[1])
    return 1
  end
end
return 0
""")

# Hash `meta`: token (the newest seen), epoch, built ('1' once the build is finished).
_FENCE = """
local seen = redis.call('HGET', KEYS[1], 'token')
local stale = seen and tonumber(seen) > tonumber(ARGV[1])
"""

# Names of tables are kept in one set per series, named by the set `series`, so that
# readers of a few series do not list the many tables of others.
#
# KEYS: meta, versions, series, watermarks; ARGV: token, epoch, prefix of tables,
# prefix of series, and a MessagePack array of four arrays: users and expected
# versions; users and new versions; per group of tables their series, names, counts of
# fields, all their fields, and all their increments; tenants and watermarks. Packed, because
# Redis takes 2^20 arguments at most. Lua's numbers are exact up to 2^53, beyond which Redis adds.
APPLY = Script(
    _FENCE
    + """
if stale or redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
local call, min, tonumber, unpack = redis.call, math.min, tonumber, unpack
local EXACT = 2^52
local expected, versions, tables, watermarks = unpack(cmsgpack.unpack(ARGV[5]))
for i = 1, #expected, 2 do
  if tonumber(redis.call('HGET', KEYS[2], expected[i]) or 0) ~= expected[i + 1] then return 0 end
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
for i = 1, #versions, 2 do
  if versions[i + 1] == 0 then
    redis.call('HDEL', KEYS[2], versions[i])
  else
    redis.call('HSET', KEYS[2], versions[i], versions[i + 1])
  end
end
for i = 1, #tables, 5 do
  local series, names, sizes = tables[i], tables[i + 1], tables[i + 2]
  local fields, increments = tables[i + 3], tables[i + 4]
  local f, added = 1, {}
  for t = 1, #names do
    local key = ARGV[3] .. names[t]
    local emptied = false
    local last = f + sizes[t] - 1
    while f <= last do
      -- One command for many fields, not one for each: that is what the log on disk is written in.
      local upto = min(last, f + 498)
      local held = call('HMGET', key, unpack(fields, f, upto))
      local kept, k, gone, g = {}, 0, {}, 0
      for n = f, upto do
        local before = held[n - f + 1]
        before = before and tonumber(before) or 0
        local sum = before + increments[n]
        if sum == 0 then
          g = g + 1
          gone[g] = fields[n]
        elseif before < EXACT and before > -EXACT and sum < EXACT and sum > -EXACT then
          -- A whole number below 2^53 is written as one.
          kept[k + 1], kept[k + 2] = fields[n], sum
          k = k + 2
        else
          call('HINCRBY', key, fields[n], string.format('%.0f', increments[n]))
        end
      end
      if k > 0 then call('HSET', key, unpack(kept, 1, k)) end
      if g > 0 then
        call('HDEL', key, unpack(gone, 1, g))
        emptied = true
      end
      f = upto + 1
    end
    if emptied and redis.call('EXISTS', key) == 0 then
      redis.call('SREM', ARGV[4] .. series, names[t])
    else
      added[#added + 1] = names[t]
    end
  end
  -- Lua passes some thousands of arguments at most.
  for a = 1, #added, 1000 do
    redis.call('SADD', ARGV[4] .. series, unpack(added, a, math.min(a + 999, #added)))
  end
  if #added > 0 then redis.call('SADD', KEYS[3], series) end
end
for i = 1, #watermarks, 2 do
  local held = redis.call('HGET', KEYS[4], watermarks[i])
  if not held or tonumber(held) < watermarks[i + 1] then
    redis.call('HSET', KEYS[4], watermarks[i], watermarks[i + 1])
  end
end
return 1
"""
)

# KEYS: meta, versions, series, watermarks; ARGV: token, epoch, prefix of tables,
# prefix of series.
BEGIN_BUILD = Script(
    _FENCE
    + """
if stale then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'epoch', ARGV[2], 'built', '0')
for _, series in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  for _, name in ipairs(redis.call('SMEMBERS', ARGV[4] .. series)) do
    redis.call('UNLINK', ARGV[3] .. name)
  end
  redis.call('UNLINK', ARGV[4] .. series)
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
return 1
"""
)

# KEYS: meta; ARGV: token, epoch.
FINISH_BUILD = Script(
    _FENCE
    + """
if stale then return 0 end
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  redis.call('HSET', KEYS[1], 'token', ARGV[1], 'built', '1')
end
return 1
"""
)

# ARGV: prefix of tables, prefix of series, then pairs of series and name; KEYS: the
# tables' sets of names, for the cluster to find the slot.
DROP = Script("""
for i = 3, #ARGV, 2 do
  redis.call('UNLINK', ARGV[1] .. ARGV[i + 1])
  redis.call('SREM', ARGV[2] .. ARGV[i], ARGV[i + 1])
end
""")

# KEYS: the table, its series' set of names; ARGV: how many to keep, the table's name.
TRIM = Script("""
local flat = redis.call('HGETALL', KEYS[1])
local keep = tonumber(ARGV[1])
if #flat / 2 <= keep then return end
if keep == 0 then
  redis.call('UNLINK', KEYS[1])
  redis.call('SREM', KEYS[2], ARGV[2])
  return
end
local counters = {}
for i = 1, #flat, 2 do
  counters[#counters + 1] = {flat[i], tonumber(flat[i + 1])}
end
table.sort(counters, function(a, b)
  if a[2] ~= b[2] then return a[2] > b[2] end
  return a[1] < b[1]
end)
for i = keep + 1, #counters do
  redis.call('HDEL', KEYS[1], counters[i][1])
end
""")
