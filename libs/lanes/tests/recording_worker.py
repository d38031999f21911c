"""A worker process whose handler records message ids in PostgreSQL.

Arguments: URL of Redis, URL of PostgreSQL. It stands where the transformer stands, because the packages
below know no service.
"""

import sys
from collections.abc import Sequence

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from libs.errors import Unavailable
from libs.lanes import worker
from libs.lanes.claim import Batch
from libs.lanes.contracts import INBOUND_QUEUES
from libs.lanes.drain import drain as drain_lane

TABLE = "CREATE TABLE applied (id text PRIMARY KEY, lane text NOT NULL, position bigserial)"
INSERT = "INSERT INTO applied (id, lane) SELECT unnest(%s::text[]), %s ON CONFLICT (id) DO NOTHING"

# A worker that falls asleep in a transaction holds the locks that the lane's next owner waits for.
TIMEOUTS = "-c statement_timeout=5s -c idle_in_transaction_session_timeout=5s"


def run(redis_url: str, postgres_url: str) -> None:
    redis, stop = worker.connect(redis_url), worker.Stop()
    database = ConnectionPool(
        postgres_url, min_size=1, max_size=1, timeout=5, open=True, kwargs={"options": TIMEOUTS}
    )

    def record(batches: Sequence[Batch]) -> list[int]:
        try:
            with database.connection() as connection:
                for batch in batches:
                    connection.execute(INSERT, ([message.decode() for message in batch.messages], batch.lane))
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable("PostgreSQL is away") from error
        return [len(batch.messages) for batch in batches]

    class Jobs:
        @staticmethod
        def drain(lane: str, job: str) -> None:
            drain_lane(redis, lane, job, record, stop)

    sys.modules["services.transformer.jobs"] = Jobs  # type: ignore[assignment]
    worker.run_worker(redis, INBOUND_QUEUES, stop)
    database.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
