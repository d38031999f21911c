"""How those around a running system speak to it: a sender, an application, an operator."""

import socket
from contextlib import closing
from typing import Any

import httpx

from libs.hl7v2.mllp import END, frame
from loadtests.system import System


def exchange(system: System, message: bytes) -> bytes:
    """Send one message on a connection of its own; its acknowledgement."""
    with closing(socket.create_connection(system.mllp, timeout=10)) as connection:
        connection.sendall(frame(message))
        answer = b""
        while not answer.endswith(END):
            answer += connection.recv(65536)
        return answer


def fhir(system: System, path: str) -> dict[str, Any]:
    told = system.told()
    headers = {"Authorization": f"Bearer {told['EHR_API_KEY']}"}
    body: dict[str, Any] = httpx.get(f"{told['EHR_FHIR']}/{path}", headers=headers, timeout=10).json()
    return body


def console(system: System, path: str) -> httpx.Response:
    told = system.told()
    user = told["EHR_CONSOLE_USER"], told["EHR_CONSOLE_PASSWORD"]
    return httpx.get(f"{told['EHR_CONSOLE']}/api/{path}", auth=user, timeout=10)
