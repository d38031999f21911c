-- Take waiting jobs out of their RQ queue, for a worker that drains their lanes along with its own.
-- ARGV: queue, organization, most jobs, bytes of a large message
-- Left alone are lanes whose first message failed, may have taken its worker with it, or is large. A worker that dies
-- with these jobs is one more way in which RQ loses a job: the sweep looks after their lanes.
-- Returns {lane, job, lane, job, ...}.
local queue, most, large = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local prefix = queue .. '/' .. ARGV[2] .. '/'
local found = {}

for _, job in ipairs(redis.call('LRANGE', 'rq:queue:' .. queue, 0, 4 * most - 1)) do
    local lane = redis.call('HGET', 'rq:job:' .. job, 'lane')
    if lane and #found < 2 * most and string.sub(lane, 1, #prefix) == prefix then
        local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'failures', 'stalls')
        local first = redis.call('LINDEX', 'ehr:lane:' .. lane, 0) or ''
        if owner[1] == job and not owner[2] and not owner[3] and #first < large then
            redis.call('LREM', 'rq:queue:' .. queue, 1, job)
            found[#found + 1] = lane
            found[#found + 1] = job
        end
    end
end
return found
