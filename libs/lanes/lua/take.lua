-- Settle the batch before and take the next one: one round trip a batch. Renews the lease.
-- ARGV: now, lane, job, number of the batch before (0 = none), its messages that are settled,
--       most messages of a batch, most bytes of a batch (at least one message comes whatever its size)
-- Returns {failed tries of the first message, times in a row that a worker was lost with it, message, ...};
-- nil when there is nothing to do for this job: it does not own the lane, or the lane is paused or empty and so has been given up.
local now, lane, job, before = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local most, bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
local owner = redis.call('HMGET', 'ehr:owner:' .. lane, 'job', 'batch')
local batch = tonumber(owner[2])

-- The fence. A client that lost our answer may ask again for what was done: then nothing is settled twice.
if owner[1] ~= job or (batch ~= before and batch ~= before + 1) then
    return false
end
if batch == before then
    settle(lane, tonumber(ARGV[5]))
end

local length = redis.call('LLEN', 'ehr:lane:' .. lane)
if length == 0 or redis.call('SISMEMBER', 'ehr:paused', lane) == 1 then
    give_up(lane)
    return false
end
if before == 0 then
    forget_job(lane) -- RQ has handed it over; its record has done its work
end
redis.call('HSET', 'ehr:owner:' .. lane, 'state', 'draining', 'batch', before + 1)
look_at(lane, now + LEASE)

-- A message that failed, or that may have taken its worker with it, goes alone: the others are not to blame.
local counts = redis.call('HMGET', 'ehr:owner:' .. lane, 'failures', 'stalls')
if counts[1] or counts[2] then
    most = 1
end
local answer, size = {tonumber(counts[1] or 0), tonumber(counts[2] or 0)}, 0
for i = 0, math.min(most, length) - 1 do
    local message = redis.call('LINDEX', 'ehr:lane:' .. lane, i)
    size = size + #message
    if i > 0 and size > bytes then
        break
    end
    answer[#answer + 1] = message
end
return answer
