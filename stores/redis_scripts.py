"""Lua scripts: what Redis does in one step, all or nothing.

Redis does not roll a script back, so each one checks everything before its
first write, and that first write is one that a full Redis (maxmemory) refuses.
"""

from stores.redis_connection import Script

__all__ = ["APPLY", "BEGIN_BUILD", "DROP", "FINISH_BUILD", "PUT_VIEW", "TRIM"]

# A stored view is its version in 8 big-endian bytes, which compare like the
# numbers, and the view.
PUT_VIEW = Script("""
local held = redis.call('GETRANGE', KEYS[1], 0, 7)
if held == '' or held < string.sub(ARGV[1], 1, 8) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
""")

# Hash `meta`: token (the newest seen), epoch, built ('1' once the build is finished).
_FENCE = """
local seen = redis.call('HGET', KEYS[1], 'token')
local stale = seen and tonumber(seen) > tonumber(ARGV[1])
"""

# KEYS: meta, versions, tables, watermarks; ARGV: token, epoch, prefix of tables,
# then four lists, each behind its length: users and expected versions; users and
# new versions; per table its name, a length, and fields with increments; tenants
# and watermarks.
APPLY = Script(
    _FENCE
    + """
if stale or redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
local at = 4
local function count()
  at = at + 1
  return tonumber(ARGV[at - 1])
end
for _ = 1, count() do
  if (redis.call('HGET', KEYS[2], ARGV[at]) or '0') ~= ARGV[at + 1] then return 0 end
  at = at + 2
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
for _ = 1, count() do
  if ARGV[at + 1] == '0' then
    redis.call('HDEL', KEYS[2], ARGV[at])
  else
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
for _ = 1, count() do
  local name = ARGV[at]
  local key = ARGV[3] .. name
  at = at + 1
  local emptied = false
  for _ = 1, count() do
    if redis.call('HINCRBY', key, ARGV[at], ARGV[at + 1]) == 0 then
      redis.call('HDEL', key, ARGV[at])
      emptied = true
    end
    at = at + 2
  end
  if emptied and redis.call('EXISTS', key) == 0 then
    redis.call('SREM', KEYS[3], name)
  else
    redis.call('SADD', KEYS[3], name)
  end
end
for _ = 1, count() do
  local held = redis.call('HGET', KEYS[4], ARGV[at])
  if not held or tonumber(held) < tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
return 1
"""
)

# KEYS: meta, versions, tables, watermarks; ARGV: token, epoch, prefix of tables.
BEGIN_BUILD = Script(
    _FENCE
    + """
if stale then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'epoch', ARGV[2], 'built', '0')
for _, name in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  redis.call('UNLINK', ARGV[3] .. name)
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

# KEYS: tables; ARGV: prefix of tables, names.
DROP = Script("""
for i = 2, #ARGV do
  redis.call('UNLINK', ARGV[1] .. ARGV[i])
  redis.call('SREM', KEYS[1], ARGV[i])
end
""")

# KEYS: the table, tables; ARGV: how many to keep, the table's name.
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
