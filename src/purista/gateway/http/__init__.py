"""Schedulers reach the gateway over the network: an ASGI app, mountable anywhere, and ``purista serve``.

What belongs here: HTTP, from the size of a body to the status of an answer; the OpenAPI document; limits. What does not: who
may call (``auth``), what a call decides (``gateway``). Starlette and uvicorn are imported by ``app`` and ``server`` alone, when
they are opened; the extra is ``purista[http]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from purista.gateway.http.app import HttpGateway as HttpGateway
    from purista.gateway.http.app import http_gateway as http_gateway

__all__ = ["HttpGateway", "http_gateway"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'purista.gateway.http' has no attribute {name!r}")
    from purista.gateway.http import app  # noqa: PLC0415 - an extra

    return getattr(app, name)
