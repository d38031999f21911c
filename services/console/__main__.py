"""Runs the console: `python -m services.console`."""

from libs import log
from libs.http.server import serve
from libs.settings import load
from services.console.app import ConsoleHttpProtocol
from services.console.settings import Settings


def main() -> None:
    settings = load(Settings)
    log.configure("console", settings.log_level)
    serve(
        "console",
        "services.console.app:from_environment",
        ConsoleHttpProtocol,
        address=settings.bind,
        port=("EHR_CONSOLE_PORT", settings.console_port),
    )


if __name__ == "__main__":
    main()
