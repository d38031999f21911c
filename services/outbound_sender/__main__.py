"""The outbound sender: takes jobs, drains lanes in threads, sweeps the outbox, answers over HTTP."""

import sys
import threading

from libs import health, log
from libs.lanes.contracts import OUTBOUND
from libs.lanes.worker import run_worker
from libs.settings import load
from libs.store.gauges import Gauges
from services.outbound_sender import jobs, outbox
from services.outbound_sender.client import NoCertificates
from services.outbound_sender.runtime import build
from services.outbound_sender.settings import Settings

STOP_WITHIN = 3.5  # seconds after the last job was taken; the promise is 5 s in all


def main() -> None:
    settings = load(Settings)
    log.configure("outbound-sender", settings.log_level)
    redis_url, database_url = settings.redis_url.get_secret_value(), settings.database_url.get_secret_value()
    runtime = build(settings)
    try:
        runtime.client.check_files()
    except NoCertificates as error:
        sys.exit(f"outbound-sender: {error}")
    gauges = Gauges(redis_url, database_url, [OUTBOUND])
    port = ("EHR_OUTBOUND_SENDER_PORT", settings.outbound_sender_port)
    health.serve(settings.bind, port, gauges.checks(), gauges.refresh)
    jobs.RUNTIME.set(runtime)
    kept = (runtime.redis, runtime.pool, runtime.client, runtime.stop)
    threading.Thread(target=outbox.keep, args=kept, name="outbox", daemon=True).start()
    run_worker(runtime.redis, [OUTBOUND], runtime.stop)
    runtime.drains.join(STOP_WITHIN)


if __name__ == "__main__":
    main()
