"""What the process holds: made once, before its first job."""

from dataclasses import dataclass

from redis import Redis

from libs.lanes.worker import Stop, connect
from libs.store.engine import Pool, open_pool
from services.outbound_sender.client import Client
from services.outbound_sender.drains import Drains
from services.outbound_sender.pipeline import Pipeline
from services.outbound_sender.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    redis: Redis
    pool: Pool
    client: Client
    drains: Drains
    stop: Stop


def build(settings: Settings) -> Runtime:
    """The parts, inside out."""
    pool = open_pool(settings.database_url.get_secret_value(), settings.database_pool)
    redis = connect(settings.redis_url.get_secret_value())
    client = Client(settings.outbound_authority, settings.outbound_certificate, settings.outbound_key)
    stop = Stop()
    drains = Drains(redis, Pipeline(pool, client), stop, settings.outbound_sender_lanes)
    return Runtime(redis, pool, client, drains, stop)
