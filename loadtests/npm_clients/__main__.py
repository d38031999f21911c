"""`make npm-clients`: what two npm packages send is acknowledged, over TCP and TLS, and stored once.

It needs Node.js 20 and npm, which the project's tests do not; hence a target of its own.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from redis import Redis

from loadtests.bench.end_to_end import drained
from loadtests.system import System, running

HERE = Path(__file__).parent
FOLDER = Path(".run/npm-clients")
PATIENCE = 60.0  # seconds for one client


def main() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        sys.exit("make npm-clients needs Node.js 20 or later, with npm")
    shutil.copytree(HERE, FOLDER, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=FOLDER, check=True)
    with running() as system:
        faults = send(system)
    print("\n".join(faults) or "all acknowledged with AA, all stored once")
    sys.exit(1 if faults else 0)


def send(system: System) -> list[str]:
    """Send with each client; what went wrong."""
    host, port = system.mllp
    tls_port = system.told()["EHR_MLLPS"].rpartition(":")[2]
    authority = str(system.home / "tls-certificate.pem")
    faults = [
        *_client("simple_hl7.cjs", [host, str(port)], "S"),
        *_client("node_hl7_client.mjs", [host, str(port), "N"], "N"),
        *_client("node_hl7_client.mjs", ["localhost", tls_port, "T", authority], "T"),
    ]
    with Redis.from_url(system.told()["EHR_REDIS_URL"]) as redis:
        drained(redis)
    with psycopg.connect(system.told()["EHR_DATABASE_URL"]) as connection:
        stored = connection.execute("SELECT control_id, status FROM message ORDER BY 1").fetchall()
    expected = [(f"{prefix}{number}", "transformed") for prefix in "NST" for number in (1, 2, 3)]
    return faults + ([] if stored == expected else [f"stored: {stored}"])


def _client(script: str, arguments: Sequence[str], prefix: str) -> list[str]:
    try:
        done = subprocess.run(
            ["node", script, *arguments],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"{script}: not done after {PATIENCE:.0f} s"]
    answers = sorted(done.stdout.splitlines())
    print(f"{script} {' '.join(arguments[:2])}: {', '.join(answers)}")
    if done.returncode == 0 and answers == [f"AA {prefix}{number}" for number in (1, 2, 3)]:
        return []
    return [f"{script} {prefix}: exit {done.returncode}, {done.stderr.strip()[-500:]}"]


if __name__ == "__main__":
    main()
