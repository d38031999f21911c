"""The transformer: a pool of workers, and their figures and health over HTTP."""

from libs import health, log
from libs.lanes.contracts import TRANSFORMER_QUEUES
from libs.settings import load
from services.transformer.settings import Settings


def main() -> None:
    settings = load(Settings)
    log.configure("transformer", settings.log_level)
    with health.counting_together("transformer"):
        run(settings)


def run(settings: Settings) -> None:
    # Only now: metrics are set up when they are imported.
    from libs.metrics import REPOINTINGS
    from libs.store import repointing
    from libs.store.gauges import Gauges
    from services.transformer.pool import Pool

    pool = Pool("services.transformer.worker", settings.transformer_processes)
    redis_url, database_url = settings.redis_url.get_secret_value(), settings.database_url.get_secret_value()
    gauges = Gauges(
        redis_url,
        database_url,
        TRANSFORMER_QUEUES,
        lambda connection: REPOINTINGS.set(repointing.count(connection)),
    )
    checks = {**gauges.checks(), "workers": pool.is_full}
    port = ("EHR_TRANSFORMER_PORT", settings.transformer_port)
    health.serve(settings.bind, port, checks, gauges.refresh)
    pool.run_until_signal()


if __name__ == "__main__":
    main()
