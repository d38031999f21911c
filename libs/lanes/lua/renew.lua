-- Begin the lease of a draining lane anew: its owner lives, and waits for somebody slow.
-- ARGV: now, lane, job
-- Returns 1; 0 when this job does not drain the lane.
local now, lane = clock(ARGV[1]), ARGV[2]
local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'state')

if owner[1] ~= ARGV[3] or owner[2] ~= 'draining' then
    return 0
end
look_at(lane, now + LEASE)
return 1
