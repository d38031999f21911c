-- The lanes of a queue that hold messages, without their messages.
-- ARGV: now, queue
-- Returns {now, {lane, state, job, messages, when the first was received, failures, outages, stalls, paused}, ...};
-- state and job are empty for a paused lane that nobody owns; times are Unix seconds as text.
local now, queue = clock(ARGV[1]), ARGV[2]
local names, seen = redis.call('ZRANGE', 'ehr:due:' .. queue, 0, -1), {}

for _, lane in ipairs(names) do
    seen[lane] = true
end
for _, lane in ipairs(redis.call('SMEMBERS', 'ehr:paused')) do
    if not seen[lane] and queue_of(lane) == queue then
        names[#names + 1] = lane
    end
end

local answer = {string.format('%.3f', now)}
for _, lane in ipairs(names) do
    local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'state', 'job', 'failures', 'outages', 'stalls')
    local head = redis.call('LINDEX', 'ehr:lane:' .. lane, 0) or ''
    answer[#answer + 1] = {
        lane, owner[1] or '', owner[2] or '', redis.call('LLEN', 'ehr:lane:' .. lane),
        -- The first line of a message states facts about it as JSON; "at" is when it was received.
        string.match(string.match(head, '^[^\n]*'), '"at":([%d%.eE+-]+)') or '',
        tonumber(owner[3] or 0), tonumber(owner[4] or 0), tonumber(owner[5] or 0),
        redis.call('SISMEMBER', 'ehr:paused', lane),
    }
end
return answer
