"""Lanes: ordered lists in Redis, each drained by at most one RQ job at a time.

What holds at every moment, whatever is killed, paused, lost or repeated:

1. *Nothing lost.* A message leaves its lane only when it is settled: its handler has said that it is
   committed or dead-lettered.
2. *Order.* A batch is the front of the lane. Only the lane's owner may settle, and only the batch that it
   took last (the fence: job id and batch number). A paused worker that wakes up late changes nothing, and
   neither does a repeated call.
3. *Once.* A batch may be handled again (a crash after the commit, a lease that ran out); the message id,
   unique in PostgreSQL, makes that a no-op. So Redis need not know whether a handler is still at work.
4. *Never stuck.* A lane that holds messages and is not paused has an owner; a lane with an owner is in the
   `due` set of its queue. The sweep looks at every lane that is due and gives it a new job if need be: one
   cure for a killed worker (its lease), a job that RQ lost (looked for in its queue) and a delay (over).
5. Every step is one Lua script: Redis's log has it wholly or not at all. Redis's clock alone counts.

    without owner --push--> waiting --take--> draining --take: empty or paused--> without owner
                               ^                 |  |
                               +-release, sweep--+  +--release with a delay--> delayed --sweep--> waiting

Keys: `ehr:lane:<lane>` list of messages; `ehr:owner:<lane>` hash of job, state, batch, failures, outages,
stalls; `ehr:due:<queue>` sorted set of lanes by when to look at them; `ehr:depth` hash of messages by queue;
`ehr:paused` set of lanes; `ehr:jobs` counter. RQ's own: `rq:queue:<queue>`, `rq:job:<job>`. The scripts
build names of keys, so Redis Cluster is not supported.

Where: `contracts` names, `enqueue` in, `claim` and `drain` out, `sweep` heals, `worker` runs it all,
`depth` and `pause` for operators; `lua/` the steps themselves.
"""
