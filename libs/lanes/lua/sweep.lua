-- Look at the lanes of a queue that are due: give a new job to those that lost theirs or have waited long enough.
-- ARGV: now, stamp, queue, most lanes to look at
-- Returns {lane, times in a row that it stalled, lane, ...} of the lanes whose job was lost.
local now, stamp, queue = clock(ARGV[1]), ARGV[2], ARGV[3]
local stalled = {}

for _, lane in ipairs(redis.call('ZRANGEBYSCORE', 'ehr:due:' .. queue, '-inf', now, 'LIMIT', 0, ARGV[4])) do
    local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'state')
    if redis.call('EXISTS', 'ehr:lane:' .. lane) == 0 then
        give_up(lane)
    elseif owner[2] == 'waiting' and redis.call('LPOS', 'rq:queue:' .. queue, owner[1]) then
        look_at(lane, now + LOOK_AGAIN)
    elseif owner[2] == 'delayed' then
        new_job(lane, now, stamp)
    else
        stalled[#stalled + 1] = lane
        stalled[#stalled + 1] = redis.call('HINCRBY', 'ehr:owner:' .. lane, 'stalls', 1)
        new_job(lane, now, stamp)
    end
end
return stalled
