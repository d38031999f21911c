"""What a worker process holds: made once, before its first job."""

from dataclasses import dataclass

from redis import Redis

from libs.lanes.worker import Stop, connect
from libs.store.engine import open_pool
from services.transformer.configurations import Configurations
from services.transformer.pipeline import Pipeline
from services.transformer.repointing import Repointing
from services.transformer.retransformation import Retransformation
from services.transformer.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    redis: Redis
    pipeline: Pipeline
    retransformation: Retransformation
    repointing: Repointing
    stop: Stop


def build(settings: Settings) -> Runtime:
    """The parts of a worker, inside out."""
    pool = open_pool(settings.database_url.get_secret_value(), settings.database_pool)
    redis = connect(settings.redis_url.get_secret_value())
    stop = Stop()
    configurations = Configurations(settings.default_timezone or None)
    return Runtime(
        redis=redis,
        pipeline=Pipeline(pool, configurations, redis),
        retransformation=Retransformation(pool, configurations, redis),
        repointing=Repointing(pool, stop),
        stop=stop,
    )
