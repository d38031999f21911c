"""What one MLLP connection is answered: in the order of its messages, whenever each answer is decided."""

from collections import deque

from libs.hl7v2.mllp import frame
from services.mllp_gateway.exchange import Exchange


class Outgoing:
    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque()

    def __len__(self) -> int:
        """The number of messages that are not answered yet."""
        return len(self._exchanges)

    def expect(self, exchange: Exchange) -> None:
        """One more message is to be answered, after those before it."""
        self._exchanges.append(exchange)

    def due(self) -> tuple[bytes, Exchange | None]:
        """The answers before which none is missing, framed; the message after which the connection ends."""
        answers: list[bytes] = []
        while self._exchanges and self._exchanges[0].settled:
            exchange = self._exchanges.popleft()
            if exchange.answer is not None:
                answers.append(frame(exchange.answer))
            if exchange.closes:
                return b"".join(answers), exchange
        return b"".join(answers), None

    def clear(self) -> None:
        """Answer nothing more."""
        self._exchanges.clear()
