"""What a port of the gateway is: where it listens, for whom, and within which limits."""

from dataclasses import dataclass

from services.mllp_gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Listener:
    name: str
    address: str
    port: int
    max_message: int  # bytes
    frame_timeout: float  # seconds from a message's first byte to its last
    organization: str = ""  # that every message of this port belongs to; "" lets the sender rules decide
    charset: str = ""  # what an empty MSH-18 means, unless the sender's rule says


def read_listeners(settings: Settings) -> list[Listener]:
    """The ports to open."""
    return [
        Listener(
            name="mllp",
            address=settings.bind,
            port=settings.mllp_port,
            max_message=settings.mllp_max_message,
            frame_timeout=settings.mllp_frame_timeout,
        )
    ]
