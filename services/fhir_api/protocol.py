"""HTTP/1.1 with FHIR's answer to what is no HTTP."""

from libs.http.protocol import BoundedHttpProtocol
from services.fhir_api.errors import refusal


class FhirHttpProtocol(BoundedHttpProtocol):
    """One connection."""

    refusal = staticmethod(refusal)
