"""One worker process: `python -m services.transformer.worker`, started by the pool."""

import gc
import os
import signal
import threading

from libs import log
from libs.lanes.contracts import TRANSFORMER_QUEUES
from libs.lanes.worker import run_worker
from libs.settings import load
from services.transformer import jobs
from services.transformer.runtime import build
from services.transformer.settings import Settings


def main() -> None:
    settings = load(Settings)
    log.configure("transformer", settings.log_level)
    runtime = build(settings)
    jobs.RUNTIME.set(runtime)
    threading.Thread(target=_end_with_the_pool, daemon=True).start()
    _collect_less()
    run_worker(runtime.redis, TRANSFORMER_QUEUES, runtime.stop, runtime.repointing)


def _collect_less() -> None:
    """Look for garbage in cycles less often: resources are trees, and looking cost a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _end_with_the_pool() -> None:
    """The pool holds the other end of standard input; it closes when the pool's process is gone."""
    while os.read(0, 1):  # not sys.stdin: its lock would be held when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
