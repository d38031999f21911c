-- Stop draining a lane; its messages stay and more may come.
-- ARGV: lane
-- A job that is at work finishes its batch and then finds the lane paused. Returns 1, or 0 if it was paused.
local lane = ARGV[1]
local added = redis.call('SADD', 'ehr:paused', lane)

if redis.call('HGET', 'ehr:owner:' .. lane, 'state') ~= 'draining' then
    give_up(lane)
end
return added
