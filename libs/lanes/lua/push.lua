-- Append messages to their lanes, in the order given; a lane that nobody owns gets a job.
-- ARGV: now ('' = Redis's clock), stamp of the jobs, then lane, message, lane, message ...
-- Returns {queue, messages now waiting in it, queue, ...}.
local now, stamp = clock(ARGV[1]), ARGV[2]
local lanes, added = {}, {}

for i = 3, #ARGV, 2 do
    if not drains[queue_of(ARGV[i])] then
        return redis.error_reply('ERR no job drains the lane ' .. ARGV[i])
    end
end
for i = 3, #ARGV, 2 do
    local lane = ARGV[i]
    redis.call('RPUSH', 'ehr:lane:' .. lane, ARGV[i + 1])
    if not lanes[lane] then
        lanes[lane] = 0
        lanes[#lanes + 1] = lane
    end
    lanes[lane] = lanes[lane] + 1
end
for _, lane in ipairs(lanes) do
    local queue = queue_of(lane)
    if redis.call('EXISTS', 'ehr:owner:' .. lane) == 0 then
        new_job(lane, now, stamp)
    end
    if not added[queue] then
        added[queue] = 0
        added[#added + 1] = queue
    end
    added[queue] = added[queue] + lanes[lane]
end

local depths = {}
for _, queue in ipairs(added) do
    depths[#depths + 1] = queue
    depths[#depths + 1] = redis.call('HINCRBY', 'ehr:depth', queue, added[queue])
end
return depths
