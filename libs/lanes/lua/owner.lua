-- What the scripts share: the owner record of a lane, and the job that drains it as RQ stores it.
-- Every script starts with this text; `drains` (queue -> function of its job) is written before it.

local LEASE = 15 -- seconds a draining job keeps its lane without a sign of life
local LONGEST_DELAY = 60 -- seconds a lane waits between two tries
local LOOK_AGAIN = 10 -- seconds until a waiting lane's job is looked for in its RQ queue

-- Seconds since 1970 on Redis's own clock, the only one that leases and delays go by.
local function clock(given)
    if given ~= '' then
        return tonumber(given)
    end
    local time = redis.call('TIME')
    return time[1] + time[2] / 1000000
end

local function queue_of(lane)
    return string.match(lane, '^[^/]+')
end

local function look_at(lane, at)
    redis.call('ZADD', 'ehr:due:' .. queue_of(lane), string.format('%.3f', at), lane)
end

local function forget_job(lane)
    local job = redis.call('HGET', 'ehr:owner:' .. lane, 'job')
    if job then
        redis.call('DEL', 'rq:job:' .. job)
    end
end

local function give_up(lane)
    forget_job(lane)
    redis.call('DEL', 'ehr:owner:' .. lane)
    redis.call('ZREM', 'ehr:due:' .. queue_of(lane), lane)
end

-- Give the lane to a new job; a paused one to nobody. Its counts of failures stay.
local function new_job(lane, now, stamp)
    if redis.call('SISMEMBER', 'ehr:paused', lane) == 1 then
        return give_up(lane)
    end
    forget_job(lane)
    local queue = queue_of(lane)
    -- The clock makes the id unique even when a replica that lagged took over with an older counter.
    local job = string.format('lane-%d-%.0f', redis.call('INCR', 'ehr:jobs'), now * 1000000)
    redis.call('HSET', 'ehr:owner:' .. lane, 'job', job, 'state', 'waiting', 'batch', 0)
    look_at(lane, now + LOOK_AGAIN)
    redis.call('HSET', 'rq:job:' .. job,
        'data', cjson.encode({drains[queue], cjson.null, {lane, job}, {}}),
        'origin', queue, 'status', 'queued', 'timeout', 300, 'result_ttl', 0,
        'created_at', stamp, 'enqueued_at', stamp, 'description', 'drain ' .. lane, 'lane', lane)
    redis.call('RPUSH', 'rq:queue:' .. queue, job)
    redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
end

-- Take the first `count` messages off the lane: they are in the database.
local function settle(lane, count)
    if count > 0 then
        redis.call('LTRIM', 'ehr:lane:' .. lane, count, -1)
        redis.call('HINCRBY', 'ehr:depth', queue_of(lane), -count)
        redis.call('HDEL', 'ehr:owner:' .. lane, 'failures', 'outages', 'stalls')
    end
end
