"""One connection to NATS that bridge and queue share: opened once, counted; nats-py makes it anew when it breaks.

What nats-py closes for good (after a ``-ERR`` of the server, whatever it was about) is opened again here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from purista.errors import BridgeError, MissingExtra
from purista.jetstream import wire

__all__ = ["Link", "hidden"]

log = logging.getLogger("purista.nats")
PATIENCE = 8.0
"""Seconds that a connection, a declaration or a confirmation may take: less than a claim's lease."""
RECONNECT_SECONDS = 0.25
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
_CREDENTIALS = re.compile(r"//[^/@]*@")


def hidden(text: str) -> str:
    """``text`` without what stands between ``//`` and ``@`` in an address."""
    return _CREDENTIALS.sub("//…@", text)


class Link:
    """A connection. ``url`` as ``nats://user:password@host:4222``; it is never shown. ``prefix`` begins every subject."""

    def __init__(self, url: str, *, prefix: str = "purista", patience: float = PATIENCE) -> None:
        if not url.startswith(("nats://", "tls://")):
            raise BridgeError(f"expected an address like nats://host:4222, got {hidden(url)[:80]!r}")
        self.prefix, self.patience = prefix, patience
        self.client: Any = None
        self.stream: Any = None  # JetStream
        self._url = url
        self._users = 0
        self._turn = asyncio.Lock()
        self._reopening: asyncio.Task[None] | None = None
        self.reopened: set[Callable[[], Awaitable[None]]] = set()  # told when ``client`` is another one

    def __repr__(self) -> str:
        return f"Link(prefix={self.prefix!r})"

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.client is not None and bool(self.client.is_connected)

    async def open(self) -> None:
        """Connect. Counted: each ``open`` wants its ``close``.

        :raises BridgeError: the server does not answer, refuses, or has no JetStream.
        """
        async with self._turn:
            self._users += 1
            if self._users > 1:
                return
            try:
                await self._connect()
            except BaseException:
                self._users = 0
                raise

    async def close(self) -> None:
        """Disconnect. Does nothing while others still use it."""
        async with self._turn:
            if self._users == 0:
                return
            self._users -= 1
            if self._users:
                return
            if self._reopening is not None:
                self._reopening.cancel()
                await asyncio.wait({self._reopening})
            client, self.client, self.stream = self.client, None, None
            await self._let_go(client)

    async def send(self, subject: str, body: bytes, headers: Mapping[str, str]) -> BridgeError | None:
        """Publish into the stream that captures ``subject``, confirmed. None: it is durable, or was so before."""
        put = await self.put(subject, body, headers)
        return put if isinstance(put, BridgeError) else None

    async def put(self, subject: str, body: bytes, headers: Mapping[str, str]) -> BridgeError | bool:
        """The same, and whether the stream had the message's id before."""
        if (refused := self._too_large(body, headers)) is not None:
            return refused
        try:
            stored = await self.stream.publish(subject, body, timeout=self.patience, headers=dict(headers))
        except self.errors as error:
            return BridgeError(f"not confirmed: {_said(error)}")
        return bool(stored.duplicate)

    async def tell(self, subject: str, body: bytes, headers: Mapping[str, str], reply: str = "") -> BridgeError | None:
        """Publish to whoever listens now; None when the server has it."""
        if (refused := self._too_large(body, headers)) is not None:
            return refused
        try:
            await self.client.publish(subject, body, reply=reply, headers=dict(headers))
            await self.client.flush(timeout=max(1, int(self.patience)))
        except self.errors as error:
            return BridgeError(f"not sent: {_said(error)}")
        return None

    def room(self, body: bytes, headers: Mapping[str, str]) -> int:
        """How many bytes the server lets a message have beyond these: it counts headers, too, which nats-py forgets."""
        if self.client is None:
            return 0  # whoever sends now is told so
        return int(self.client.max_payload) - len(body) - wire.encoded(headers)

    def _too_large(self, body: bytes, headers: Mapping[str, str]) -> BridgeError | None:
        """The server would close the connection of everybody over it."""
        if self.room(body, headers) >= 0:
            return None
        return BridgeError(
            f"expected at most {self.client.max_payload} bytes (max_payload of the server), got {len(body)}"
            f" and {wire.encoded(headers)} of headers"
        )

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What nats-py raises when the server is away or refuses."""
        import nats.errors  # noqa: PLC0415 - it is there: the connection is

        return nats.errors.Error, OSError, TimeoutError, AttributeError  # AttributeError: the link was closed meanwhile

    async def make_stream(self, name: str, subjects: list[str], **options: Any) -> None:
        """Make a stream on disk, unless it is there.

        :raises BridgeError: the server refuses, such as a stream whose subjects overlap.
        """
        from nats.js import api  # noqa: PLC0415 - it is there: the connection is
        from nats.js.errors import NotFoundError  # noqa: PLC0415

        try:
            try:
                await self.stream.stream_info(name)
            except NotFoundError:
                config = api.StreamConfig(name=name, subjects=subjects, storage=api.StorageType.FILE, **options)
                await self.stream.add_stream(config)
        except self.errors as error:
            raise BridgeError(f"the server refuses the stream {name!r}: {_said(error)}") from error

    async def _connect(self) -> None:
        try:
            import nats  # noqa: PLC0415 - only who opens one needs it
            from nats.aio.client import Client  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingExtra("a bridge or queue over NATS", "nats") from error

        async def trouble(error: Exception) -> None:
            log.warning("trouble with the connection: %s", _said(error), extra={"action": "nats_trouble"})

        client = Client()  # by hand, so that one that fails can be let go of

        async def closed() -> None:
            if self.client is client and (self._reopening is None or self._reopening.done()):
                self._reopening = asyncio.get_running_loop().create_task(self._reopen(), name="nats connection")

        options: dict[str, Any] = {
            "name": self.prefix, "error_cb": trouble, "closed_cb": closed, "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_SECONDS, "connect_timeout": int(self.patience), "allow_reconnect": True,
        }  # fmt: skip
        try:
            async with asyncio.timeout(self.patience):
                await client.connect(self._url, **options)
                stream = client.jetstream(timeout=self.patience)
                await stream.account_info()
        except BaseException as error:
            await self._let_go(client)
            if isinstance(error, TimeoutError):
                raise BridgeError(f"expected NATS to answer within {self.patience:g} s, got nothing") from error
            if isinstance(error, nats.errors.Error | OSError):
                raise BridgeError(
                    f"expected a NATS server with JetStream that lets us in, got {_said(error)}"
                ) from error
            raise
        self.client, self.stream = client, stream

    async def _reopen(self) -> None:
        """A new client in place of one that was closed for good."""
        log.warning("the connection was closed for good: opening another", extra={"action": "nats_closed"})
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
                for tell in tuple(self.reopened):
                    await tell()
                if not self.client.is_closed:
                    break
            except Exception as error:  # noqa: BLE001 - whatever it is: nobody else opens it again
                await self._let_go(self.client)
                log.info("cannot connect: %s", _said(error), extra={"action": "nats_refused"})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        log.info("connected again", extra={"action": "nats_connected"})

    async def _let_go(self, client: Any) -> None:
        with suppress(Exception):  # it may be broken, and is let go of in any case
            await asyncio.wait_for(client.close(), self.patience)


def _said(error: BaseException) -> str:
    return hidden(f"{type(error).__name__}: {error}")[:500]
