"""Runs the FHIR API: `python -m services.fhir_api`."""

from libs import log
from libs.http.server import serve
from libs.settings import load
from services.fhir_api.protocol import FhirHttpProtocol
from services.fhir_api.settings import Settings


def main() -> None:
    settings = load(Settings)
    log.configure("fhir-api", settings.log_level)
    serve(
        "fhir-api",
        "services.fhir_api.app:from_environment",
        FhirHttpProtocol,
        address=settings.bind,
        port=("EHR_FHIR_PORT", settings.fhir_port),
        workers=settings.fhir_workers,
    )


if __name__ == "__main__":
    main()
