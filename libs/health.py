"""`/metrics`, `/health/live` and `/health/ready`, the same in every service.

`respond` is the whole behaviour as data; `serve` offers it from a thread of a worker process. The
gateway (Twisted) and `libs.http` (Starlette) call `respond` from their own servers.
"""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson

Check = Callable[[], str | None]  # None when the dependency answers, else what is wrong


def respond(path: str, checks: Mapping[str, Check]) -> tuple[int, str, bytes] | None:
    """Status, content type and body of a health or metrics path; None for any other path."""
    if path == "/metrics":
        return 200, *metrics()
    if path == "/health/live":
        return 200, "application/json", b'{"status":"up"}'
    if path == "/health/ready":
        answers = {name: check() or "up" for name, check in checks.items()}
        up = all(answer == "up" for answer in answers.values())
        body = orjson.dumps({"status": "up" if up else "down", "checks": answers})
        return 200 if up else 503, "application/json", body
    return None


def metrics() -> tuple[str, bytes]:
    """Content type and text of every metric of this service, summed over its processes."""
    # prometheus_client decides when it is imported whether processes count together.
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return CONTENT_TYPE_LATEST, generate_latest(registry)


@contextmanager
def counting_together(service: str) -> Iterator[None]:
    """Make the processes of a service count together, in a folder for this run's figures.

    To be entered before anything imports `libs.metrics` or prometheus_client. Folders that killed
    processes have left behind go.
    """
    prefix = f"ehrconnect-{service}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        pid = left.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number, whoever it belongs to."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def serve(
    address: str, port: tuple[str, int], checks: Mapping[str, Check], refresh: Callable[[], None]
) -> WSGIServer:
    """Answer from a daemon thread; `refresh` sets gauges before each scrape.

    `port` is the variable that sets it and its number. A port that cannot be had ends the process with one
    line.
    """
    variable, number = port

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            refresh()
        status, content_type, body = respond(path, checks) or (404, "text/plain", b"not found\n")
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", [("Content-Type", content_type)])
        return [body]

    try:
        server = make_server(address, number, application, _Threads, _Quiet)
    except OSError as error:
        sys.exit(f"cannot listen on {address}:{number}: {error.strerror}; {variable} moves it")
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _Threads(ThreadingMixIn, WSGIServer):
    """A thread a request: liveness must not wait for a scrape that waits for a database."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A line per scrape is noise."""
