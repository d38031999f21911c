from structlog.testing import capture_logs
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from services.mllp_gateway.failures import _observe


def test_a_failure_is_logged_by_type_and_place_without_its_text() -> None:
    try:
        int("PID|1||4711")
    except ValueError:
        failure = Failure()  # type: ignore[no-untyped-call]

    with capture_logs() as logs:
        _observe({"log_failure": failure, "log_level": LogLevel.critical})
        _observe({"log_level": LogLevel.info, "log_text": "PID|1||4711"})

    assert [(line["event"], line["type"]) for line in logs] == [("unexpected failure", "ValueError")]
    assert "test_failures.py:" in logs[0]["where"][-1]
    assert "4711" not in str(logs)
