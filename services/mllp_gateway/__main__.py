"""Start the gateway: settings, logs, the parts inside out, run."""

import signal
import sys
from typing import Any

from twisted.internet import reactor as _reactor

from libs import log
from libs.settings import load
from services.mllp_gateway.failures import report_failures
from services.mllp_gateway.journal import Journal
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import BadListeners, http_listener, read_listeners
from services.mllp_gateway.ports import CannotListen, raise_descriptor_limit
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.senders import BadSendersFile, SendersFile
from services.mllp_gateway.server import Gateway
from services.mllp_gateway.settings import Settings
from services.mllp_gateway.storage import BadRedisUrl, Storage
from services.mllp_gateway.tls import BadCertificate

SERVICE = "mllp-gateway"


def main() -> None:
    reactor: Any = _reactor
    settings = load(Settings)
    log.configure(SERVICE, settings.log_level)
    report_failures()
    raise_descriptor_limit()
    limits = Limits(
        settings.mllp_max_connections, settings.mllp_max_connections_per_address, settings.mllp_memory
    )
    journal = Journal(SERVICE, sys.stdout.buffer if settings.log_level in ("debug", "info") else None)
    try:
        storage = Storage(
            reactor, settings.redis_url.get_secret_value(), settings.redis_timeout, settings.ack_replicas
        )
        rules = SendersFile(settings.senders_file, settings.default_organization)
        receiver = Receiver(rules, storage, limits, journal)
        gateway = Gateway(
            reactor, receiver, storage, limits, reuse_port=settings.reuse_port, refresh=[rules.refresh]
        )
        token = settings.hl7_http_token.get_secret_value() if settings.hl7_http_token else None
        gateway.start(read_listeners(settings), http_listener(settings), token)
    except (BadSendersFile, BadListeners, BadCertificate, BadRedisUrl, CannotListen) as error:
        raise SystemExit(f"{SERVICE}: {error}") from None

    def stop(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # one is enough
        reactor.callFromThread(lambda: gateway.stop().addBoth(lambda _: reactor.stop()))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
