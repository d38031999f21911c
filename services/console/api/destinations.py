"""/api/destinations: the systems that messages are sent to; set, removed, paused and resumed."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.http.errors import BadRequest
from libs.store.destinations import (
    LONGEST_ANSWER_WITHIN,
    NAME,
    Destination,
    put_destination,
)
from services.console.actions import destinations
from services.console.api.call import Call
from services.console.api.parameters import flag

REMOVED = {"discard": flag}

_Sender = Annotated[str, Field(pattern=r"^[^|\x00-\x1f]*\|[^|\x00-\x1f]*$", max_length=300)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    host: str = Field(pattern=r"^[!-~]{1,253}$")
    port: int = Field(ge=1, le=65535)
    tls: bool = False
    acknowledges: list[_Sender] = []
    waits: bool = True
    answer_within: int = Field(30, ge=1, le=LONGEST_ANSWER_WITHIN)
    on_failure: Literal["dead-letter", "block"] = "dead-letter"


def listed(call: Call) -> Any:
    """With what waits for each."""
    runtime = call.runtime
    return {"destinations": destinations.destinations(runtime.pool, runtime.redis, call.organization)}


def shown(call: Call) -> Any:
    """One of them."""
    runtime = call.runtime
    return destinations.destination(runtime.pool, runtime.redis, call.organization, call.named["name"])


def put(call: Call) -> Any:
    """Set it, or change the one of that name; what waits goes to the new address."""
    name = call.named["name"]
    if not NAME.fullmatch(name):
        raise BadRequest("a destination's name has lower-case letters, digits and hyphens, at most 63")
    try:
        sent = _Sent.model_validate_json(call.document)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise BadRequest(f"{field}: {problem['msg']}" if field else "the body is no JSON object") from None
    with call.transaction() as connection:
        put_destination(
            connection, call.organization, Destination(name=name, **sent.model_dump()), replace=True
        )
    call.did("destination set", destination=name, host=sent.host, port=sent.port)
    return shown(call)


def removed(call: Call) -> Any:
    """Forget it; with `discard`, what waits for it is never sent."""
    name = call.named["name"]
    runtime, discard = call.runtime, call.asked.get("discard", False)
    destinations.remove(
        runtime.pool, runtime.redis, call.organization, name, datetime.now(UTC), discard=discard
    )
    call.did("destination removed", destination=name, discard=discard)
    return {"name": name, "removed": True}


def paused(call: Call) -> Any:
    """Nothing is sent to it until it is resumed. `changed`: it was not paused before."""
    name = call.named["name"]
    changed = destinations.pause(call.runtime.pool, call.runtime.redis, call.organization, name)
    call.did("destination paused", destination=name)
    return {"name": name, "changed": changed}


def resumed(call: Call) -> Any:
    """It is sent to again. `changed`: it was paused before."""
    name = call.named["name"]
    changed = destinations.resume(call.runtime.pool, call.runtime.redis, call.organization, name)
    call.did("destination resumed", destination=name)
    return {"name": name, "changed": changed}
