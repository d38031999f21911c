"""/api/mapping: an organization's layers, saved, compared, tried on stored messages, and applied to them."""

from typing import Any

from starlette.responses import Response

from libs.http.errors import BadRequest
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import BadLayer, check_name
from libs.store import layers
from libs.store.transformations import Chosen
from services.console.actions import mapping
from services.console.api.call import Call
from services.console.api.parameters import flag, message_id, moment, number, text

DEFAULT_TRIED = 20
MOST_TRIED = 200  # messages of a dry run: each is mapped twice while the client waits

_VERSION = number(0, 2**31 - 1)
_CHOSEN = {"message": message_id, "sender": text, "since": moment, "until": moment}

LISTED = {"all": flag}
EXPORTED = {"version": _VERSION}
COMPARED = {"layer": text}
COMPARED_VERSION = {**COMPARED, **EXPORTED}
TRIED = {"layer": text, "count": number(1, MOST_TRIED), **_CHOSEN}
APPLIED = {"all": flag, "parked": flag, **_CHOSEN}


def listed(call: Call) -> Any:
    """The layers in force; with `all`, every version there was."""
    with call.transaction() as connection:
        saved = layers.history(connection, call.organization)
    return {"layers": saved if call.asked.get("all") else [one for one in saved if one.in_force]}


def exported(call: Call) -> Response:
    """A layer's document, as it is now or was at a version."""
    name = call.named["layer"]
    try:
        check_name(name)
    except BadLayer as error:
        raise layers.UnknownLayer(str(error)) from None
    with call.transaction() as connection:
        document = layers.document(connection, call.organization, name, call.asked.get("version"))
    return Response(document, media_type="application/toml")


def imported(call: Call) -> Any:
    """Save the body as the layer; an empty one withdraws it. Parked messages are tried again."""
    name = call.named["layer"]
    saved = mapping.save(call.runtime.pool, call.runtime.redis, call.organization, name, call.document)
    call.did("layer saved", layer=name, version=saved.version, retried=saved.retried)
    return saved


def compared(call: Call) -> Response:
    """A unified diff: what the body has other than the layer in force."""
    with call.transaction() as connection:
        lines = mapping.compare(connection, call.organization, _layer(call), call.document, "sent")
    return Response("".join(lines), media_type="text/x-diff")


def compared_version(call: Call) -> Response:
    """A unified diff: what the layer in force has other than it had at a version."""
    if "version" not in call.asked:
        raise BadRequest("version is missing")
    with call.transaction() as connection:
        lines = mapping.compare_version(connection, call.organization, _layer(call), call.asked["version"])
    return Response("".join(lines), media_type="text/x-diff")


def tried(call: Call) -> Any:
    """What the body as a layer would change in FHIR, by the newest messages; nothing is written."""
    base = MappingConfig(call.organization, call.runtime.settings.default_timezone or None)
    outcomes = mapping.attempt_layer(
        call.runtime.pool,
        base,
        _layer(call),
        call.document,
        chosen=_chosen(call),
        limit=call.asked.get("count", DEFAULT_TRIED),
    )
    call.did("layer tried", layer=_layer(call), messages=len(outcomes))
    return {"messages": [outcome.to_dict() for outcome in outcomes]}


def applied(call: Call) -> Any:
    """The chosen messages, with all about their patients, are transformed again by the layers of now."""
    chosen = _chosen(call)
    if chosen == Chosen() and not call.asked.get("all"):
        raise BadRequest("say which: message, sender, since, until, parked=true or all=true")
    count = mapping.retransform(call.runtime.pool, call.runtime.redis, call.organization, chosen)
    call.did("messages transformed again", messages=count)
    return {"messages": count}


def _layer(call: Call) -> str:
    if "layer" not in call.asked:
        raise BadRequest("layer is missing")
    layer: str = call.asked["layer"]
    return layer


def _chosen(call: Call) -> Chosen:
    asked = call.asked
    return Chosen(
        asked.get("message"), asked.get("sender"), asked.get("since"), asked.get("until"),
        asked.get("parked", False),
    )  # fmt: skip
