-- Drain a paused lane again.
-- ARGV: now, stamp, lane
-- Returns 1, or 0 if it was not paused.
local now, stamp, lane = clock(ARGV[1]), ARGV[2], ARGV[3]
local removed = redis.call('SREM', 'ehr:paused', lane)

if redis.call('EXISTS', 'ehr:owner:' .. lane) == 0 and redis.call('EXISTS', 'ehr:lane:' .. lane) == 1 then
    new_job(lane, now, stamp)
end
return removed
