from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.embedded.process import free_port
from libs.embedded.redis import Redis
from services.mllp_gateway.tests.harness import GatewayProcess, running_gateway


@pytest.fixture(scope="module")
def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory, redis_session_url: str
) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), redis_session_url) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: GatewayProcess, redis_url: str) -> GatewayProcess:
    """A gateway with default settings, on an empty Redis; also its scripts are forgotten there."""
    return shared_gateway


@pytest.fixture
def durable_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of one test's own that syncs before it answers, to be paused and killed."""
    server = Redis(tmp_path / "redis", free_port())
    server.start()
    yield server
    server.kill()
