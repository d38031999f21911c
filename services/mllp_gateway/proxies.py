"""Connections that come through a proxy, which says in front of them whose they are (PROXY v1 and v2).

Source: haproxy.org, "The PROXY protocol", versions 1 and 2.
"""

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from zope.interface import implementer  # type: ignore[import-untyped]

_UNKNOWN = b"PROXY UNKNOWN\r\n"  # by the book; Twisted wants a blank before the CR


@implementer(IHalfCloseableProtocol)
class _Proxied(HAProxyProtocolWrapper):
    """As Twisted's, which has no public name; and who ends its side after its message is still answered."""

    def dataReceived(self, data: bytes) -> None:
        if self._proxyInfo is None and data.startswith(_UNKNOWN):
            data = data.replace(_UNKNOWN, _UNKNOWN[:-2] + b" \r\n", 1)
        super().dataReceived(data)

    def readConnectionLost(self) -> None:
        inner: Any = self.wrappedProtocol
        if IHalfCloseableProtocol.providedBy(inner):
            inner.readConnectionLost()
        else:
            self.loseConnection()  # type: ignore[no-untyped-call]

    def writeConnectionLost(self) -> None:
        """Our last answer is on its way."""


class ProxiedFactory(HAProxyWrappingFactory):
    """Makes the protocols of another factory, for connections through a proxy."""

    noisy = False
    protocol = _Proxied  # type: ignore[assignment]
