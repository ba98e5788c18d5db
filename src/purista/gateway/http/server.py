"""Serves the ASGI app with uvicorn, until it is told to stop; requests in work are answered first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from purista.errors import InvalidGateway, MissingExtra
from purista.gateway.http.app import HttpGateway

__all__ = ["serve"]

DRAIN_S = 30
HEAD_BYTES = 16_384
KEEP_ALIVE_S = 30
BACKLOG = 2_048


async def serve(
    app: HttpGateway, stopped: Awaitable[object], *, told: Callable[[str, int], object] = lambda _host, _port: None
) -> None:
    """Listen until ``stopped`` is done. ``told`` is given the address once connections are taken.

    :raises purista.errors.InvalidGateway: the address cannot be listened on.
    """
    listening = _listening(app.config.host, app.config.port)
    server = _server(app)
    stopping = asyncio.ensure_future(stopped)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        told(*listening.getsockname()[:2])
        await asyncio.wait([stopping, serving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await serving
        stopping.cancel()
        listening.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named because asyncio sets TCP_NODELAY only then; without it an answer waits 40 ms for an ACK
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise InvalidGateway(
            f"expected an address to listen on, got {host} port {port}: {error.strerror or error}"
        ) from None
    listening.setblocking(False)  # noqa: FBT003 - the library's signature
    return listening


def _server(app: HttpGateway) -> Any:
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from purista.gateway.http.protocol import patient  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("purista serve", "http") from None

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Signals are the caller's affair."""
            yield

    config = uvicorn.Config(
        app, http=patient(app.config.limits.body_seconds), ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, proxy_headers=False,  # X-Forwarded-For would make anybody a neighbour
        h11_max_incomplete_event_size=HEAD_BYTES, timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=DRAIN_S,
    )  # fmt: skip
    return Server(config)
