-- Look at the lanes of a queue that are due: give a new job to those that lost theirs or have waited long enough.
-- ARGV: now, stamp, queue, most lanes to look at
-- Returns {lane, workers lost in a row that had it in hand, lane, ...} of the lanes whose job was lost.
local now, stamp, queue = clock(ARGV[1]), ARGV[2], ARGV[3]
local stalled = {}

local due = redis.call('ZRANGEBYSCORE', 'ehr:due:' .. queue, '-inf', now, 'LIMIT', 0, ARGV[4])
-- Nothing is to be looked at so late: the clock was set back since.
local astray = redis.call('ZRANGEBYSCORE', 'ehr:due:' .. queue, now + 2 * LONGEST_DELAY, '+inf', 'LIMIT', 0, ARGV[4])
for _, lane in ipairs(astray) do
    due[#due + 1] = lane
end

for _, lane in ipairs(due) do
    local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'state')
    if redis.call('EXISTS', 'ehr:lane:' .. lane) == 0 then
        give_up(lane)
    elseif owner[2] == 'waiting' and redis.call('LPOS', 'rq:queue:' .. queue, owner[1]) then
        look_at(lane, now + LOOK_AGAIN)
    elseif owner[2] == 'delayed' then
        new_job(lane, now, stamp)
    else
        -- A job that was lost while it waited says nothing against the first message.
        local add = owner[2] == 'draining' and 1 or 0
        stalled[#stalled + 1] = lane
        stalled[#stalled + 1] = add + tonumber(redis.call('HGET', 'ehr:owner:' .. lane, 'stalls') or 0)
        if add == 1 then
            redis.call('HINCRBY', 'ehr:owner:' .. lane, 'stalls', 1)
        end
        new_job(lane, now, stamp)
    end
end
return stalled
