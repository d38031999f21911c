-- Settle the batch before and let go of the lane: for a new job at the end of the queue, or after a delay.
-- ARGV: now, stamp, lane, job, number of the batch before, its messages that are settled,
--       '' | 'failures' | 'outages' (what to count; the delay is 2, 4, 8 ... 60 seconds by that count)
-- Returns the delay in seconds, 0 without one; nil when this job does not own the lane.
local now, stamp, lane, job, before = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local reason = ARGV[7]
local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'batch')

if owner[1] ~= job or tonumber(owner[2]) ~= before then
    return false
end
settle(lane, tonumber(ARGV[6]))

if redis.call('EXISTS', 'ehr:lane:' .. lane) == 0 then
    give_up(lane)
    return 0
end
if reason == '' then
    new_job(lane, now, stamp)
    return 0
end
local count = redis.call('HINCRBY', 'ehr:owner:' .. lane, reason, 1)
local delay = math.min(2 ^ math.min(count, 30), LONGEST_DELAY)
-- No batch bears the number -1: whatever this job still asks for is refused.
redis.call('HSET', 'ehr:owner:' .. lane, 'state', 'delayed', 'batch', -1)
look_at(lane, now + delay)
return delay
