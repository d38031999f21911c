"""TLS of a listener: certificates that are read again when they change, and who a client is."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    TLSVersion,
    trustRootFromCertificates,
)
from zope.interface import implementer  # type: ignore[import-untyped]

from libs.log import get_logger
from services.mllp_gateway.listeners import Tls

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

log = get_logger(__name__)


class BadCertificate(Exception):
    """A certificate or key cannot be used; the text is one line that says which and why."""


@implementer(IOpenSSLServerConnectionCreator)
class TlsContext:
    """What new connections are secured with; those that are open keep what they began with."""

    def __init__(self, tls: Tls) -> None:
        """Raises BadCertificate."""
        self._tls = tls
        self._read = _times(tls)
        self._context = _context(tls)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    def refresh(self) -> None:
        """Read the files again if one of them has changed; what cannot be used changes nothing."""
        times = _times(self._tls)
        if times == self._read:
            return
        self._read = times
        try:
            self._context = _context(self._tls)
        except BadCertificate as error:
            log.warning("certificate not renewed", reason=str(error))
        else:
            log.info("certificate renewed", certificate=str(self._tls.certificate))


def organization_of(clients: Mapping[str, str], certificate: crypto.X509 | None) -> str | None:
    """What a client stands for by the names of its certificate; None when it is none of `clients`."""
    return next((clients[name] for name in _names(certificate) if name in clients), None)


def failure_reason(error: BaseException | None) -> str:
    """Why there is no TLS, in OpenSSL's words where it has some."""
    entries = error.args[0] if isinstance(error, SSL.Error) and error.args else ()
    texts = [str(entry[-1]) for entry in entries if isinstance(entry, tuple) and entry]
    return "; ".join(texts) or type(error).__name__


def _names(certificate: crypto.X509 | None) -> list[str]:
    """The common name and DNS names of a client's certificate."""
    if certificate is None:
        return []
    content = certificate.to_cryptography()
    names = [str(name.value) for name in content.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        alternatives = content.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    return names + list(alternatives.get_values_for_type(x509.DNSName))


def _context(tls: Tls) -> SSL.Context:
    try:
        certificates = _certificates(tls.certificate)
        private = PrivateCertificate.loadPEM(  # type: ignore[no-untyped-call]
            tls.key.read_bytes() + b"\n" + certificates[0]
        )
        trust = None
        if tls.client_authority:
            authorities = [Certificate.loadPEM(pem) for pem in _certificates(tls.client_authority)]
            trust = trustRootFromCertificates(authorities)  # type: ignore[no-untyped-call]
        return CertificateOptions(
            privateKey=private.privateKey.original,
            certificate=private.original,
            extraCertChain=[Certificate.loadPEM(pem).original for pem in certificates[1:]],
            trustRoot=trust,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        ).getContext()
    except OSError as error:
        raise BadCertificate(f"{error.filename}: {error.strerror}") from error
    except (SSL.Error, VerifyError, ValueError) as error:
        raise BadCertificate(f"{tls.certificate} with {tls.key}: not a certificate with its key") from error


def _certificates(file: Path) -> list[bytes]:
    found = _CERTIFICATE.findall(file.read_bytes())
    if not found:
        raise BadCertificate(f"{file}: holds no PEM certificate")
    return found


def _times(tls: Tls) -> list[float]:
    """When each file was changed; 0 for one that is not there."""
    files = [tls.certificate, tls.key] + ([tls.client_authority] if tls.client_authority else [])
    return [file.stat().st_mtime if file.exists() else 0.0 for file in files]
