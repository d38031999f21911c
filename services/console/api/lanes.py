"""/api/lanes: what waits to be processed; a lane is paused and resumed."""

from typing import Any

from services.console.actions import lanes
from services.console.api.call import Call


def listed(call: Call) -> Any:
    """Those of the organization that hold messages."""
    return {"lanes": lanes.lanes(call.runtime.redis, call.organization)}


def paused(call: Call) -> Any:
    """Nothing is taken off it until it is resumed. `changed`: it was not paused before."""
    lane = call.named["lane"]
    changed = lanes.pause(call.runtime.redis, call.organization, lane)
    call.did("lane paused", lane=lane)
    return {"lane": lane, "changed": changed}


def resumed(call: Call) -> Any:
    """Messages are taken off it again. `changed`: it was paused before."""
    lane = call.named["lane"]
    changed = lanes.resume(call.runtime.redis, call.organization, lane)
    call.did("lane resumed", lane=lane)
    return {"lane": lane, "changed": changed}
