"""One connection to RabbitMQ that bridge and queue share: opened once, counted, made anew when it breaks."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from purista.errors import BridgeError, MissingExtra

__all__ = ["Link", "Parcel", "Unroutable", "cancelled", "hidden"]

log = logging.getLogger("purista.amqp")
PATIENCE = 8.0
"""Seconds that a connection, a declaration or a confirmation may take: less than a claim's lease."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
IN_FLIGHT = 500
"""Messages on their way without confirmation at once."""
_CREDENTIALS = re.compile(r"//[^/@]*@")


class Unroutable(BridgeError):
    """No queue is bound for this message: nobody will get it."""


def hidden(text: str) -> str:
    """``text`` without what stands between ``//`` and ``@`` in an address."""
    return _CREDENTIALS.sub("//…@", text)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it goes out. ``properties`` by their AMQP names (:func:`purista.amqp.wire.properties_of`)."""

    body: bytes
    properties: Mapping[str, Any] = field(default_factory=dict)
    exchange: str = ""
    routing_key: str = ""


class Link:
    """A connection. ``url`` as ``amqp://user:password@host/vhost``; it is never shown.

    ``prefix`` begins the names of all queues; ``exchange`` is PURISTA's headers exchange. Whoever waits for a connection
    that is gone waits at most ``patience`` seconds.
    """

    def __init__(
        self, url: str, *, prefix: str = "purista", exchange: str = "purista", patience: float = PATIENCE
    ) -> None:
        if not url.startswith(("amqp://", "amqps://")):
            raise BridgeError(f"expected an address like amqp://user@host/vhost, got {hidden(url)[:80]!r}")
        self.prefix, self.exchange, self.patience = prefix, exchange, patience
        self._url = url
        self._connection: Any = None
        self._publisher: Any = None
        self._opening = asyncio.Lock()
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._users = 0
        self._turn = asyncio.Lock()  # who comes while another opens waits until it is open
        self._declared: set[str] = set()
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._trouble = "it was never connected"

    def __repr__(self) -> str:
        return f"Link(prefix={self.prefix!r})"

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connected.is_set() and self._connection is not None and not self._connection.is_closed

    @property
    def trouble(self) -> str:
        """Why there is none."""
        return self._trouble

    async def open(self) -> None:
        """Connect and declare the exchange. Counted: each ``open`` wants its ``close``.

        :raises BridgeError: the broker does not answer, or refuses.
        """
        async with self._turn:
            await self._open()

    async def _open(self) -> None:
        self._users += 1
        if self._users > 1:
            return
        try:
            await self._connect()
        except BaseException:
            self._users = 0
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="amqp connection")

    async def close(self) -> None:
        """Disconnect. Does nothing while others still use it."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        if self._users == 0:
            return
        self._users -= 1
        if self._users:
            return
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        connection, self._connection, self._publisher = self._connection, None, None
        self._connected.clear()
        if connection is not None:
            await self._let_go(connection)

    @asynccontextmanager
    async def channel(self, *, prefetch: int = 0) -> AsyncIterator[Any]:
        """A channel of its own, for one consumer or one act of looking; the broker's errors become ours.

        :raises BridgeError: no connection in time, or the broker refuses.
        """
        channel = None
        try:
            async with asyncio.timeout(self.patience):
                await self._connected.wait()
                channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                if prefetch:
                    await channel.basic_qos(prefetch_count=prefetch)
            yield channel
        except BridgeError:
            raise
        except TimeoutError as error:
            raise BridgeError(f"the broker does not answer: {self._why()}") from error
        except Exception as error:  # the driver ends what waits for a connection that is closed with a bare Exception
            raise BridgeError(f"the broker refuses: {_said(error)}") from error
        except asyncio.CancelledError as error:
            _unless_ended(error)
            raise BridgeError("the connection was closed") from error
        finally:
            if channel is not None and not channel.is_closed:
                await self._let_go(channel)

    async def send(self, parcels: Sequence[Parcel]) -> list[BridgeError | None]:
        """Publish with confirmation, all at once. Per message None (durable) or why not:
        :class:`Unroutable` means that it reached nobody, everything else that it may still have arrived."""
        if len(parcels) == 1:
            return [await self._send(parcels[0])]
        return list(await asyncio.gather(*map(self._send, parcels)))

    async def once(self, name: str, declare: Callable[[Any], Awaitable[None]]) -> None:
        """Declare something, once per connection."""
        if name in self._declared:
            return
        async with self.channel() as channel:
            await declare(channel)
        self._declared.add(name)

    async def _send(self, parcel: Parcel) -> BridgeError | None:
        import aiormq  # noqa: PLC0415 - it is there: the connection is
        from aiormq.exceptions import ChannelNotFoundEntity, PublishError  # noqa: PLC0415

        try:
            properties = aiormq.spec.Basic.Properties(**parcel.properties)
            async with self._places, asyncio.timeout(self.patience):
                publisher = await self._publishing()
                await publisher.basic_publish(
                    parcel.body, exchange=parcel.exchange, routing_key=parcel.routing_key, properties=properties,
                    mandatory=True, wait=False,
                )  # fmt: skip
        except PublishError:
            self._forget(parcel)
            return Unroutable(f"expected a queue for {parcel.routing_key or parcel.exchange!r}, got none")
        except TimeoutError:
            return BridgeError(f"not confirmed within {self.patience:g} s: {self._why()}")
        except Exception as error:  # noqa: BLE001 - the driver has many, a bare Exception among them
            if isinstance(error, ChannelNotFoundEntity):
                self._forget(parcel)
            return BridgeError(f"not confirmed: {_said(error)}")
        except asyncio.CancelledError as error:
            _unless_ended(error)
            return BridgeError("not confirmed: the connection was closed")
        return None

    def _forget(self, parcel: Parcel) -> None:
        """Somebody deleted what it was sent to: it is declared again before it is used again."""
        self._declared.discard(parcel.exchange or parcel.routing_key)

    async def _publishing(self) -> Any:
        """The channel that everything is sent over: made anew after it, or the connection, was closed."""
        publisher = self._publisher
        if publisher is not None and not publisher.is_closed:
            return publisher
        async with self._opening:
            if self._publisher is None or self._publisher.is_closed:
                await self._connected.wait()
                self._publisher = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._publisher

    async def _connect(self) -> None:
        try:
            import aiormq  # noqa: PLC0415 - only who opens one needs it
        except ModuleNotFoundError as error:
            raise MissingExtra("a bridge or queue over RabbitMQ", "amqp") from error
        connection = None
        try:
            async with asyncio.timeout(self.patience):
                connection = await aiormq.connect(self._url, client_properties={"connection_name": self.prefix})
                channel = await connection.channel()
                await channel.exchange_declare(self.exchange, exchange_type="headers", durable=True)
                await channel.close()
        except BaseException as error:
            if connection is not None:
                await self._let_go(connection)
            if isinstance(error, Exception) or (isinstance(error, asyncio.CancelledError) and not cancelled()):
                raise self._refused(error) from error
            raise
        self._declared.clear()
        self._connection, self._publisher = connection, None
        self._connected.set()

    async def _let_go(self, what: Any) -> None:
        """Close a channel or a connection; one that cannot be closed is let go of all the same."""
        try:
            await asyncio.wait_for(what.close(), self.patience)
        except Exception as error:  # noqa: BLE001 - the driver has many
            log.debug("not closed: %s", _said(error), extra={"action": "amqp_not_closed"})
        except asyncio.CancelledError as error:
            _unless_ended(error)

    def _refused(self, error: BaseException) -> BridgeError:
        if isinstance(error, TimeoutError):
            return BridgeError(f"expected RabbitMQ to answer within {self.patience:g} s, got nothing")
        return BridgeError(f"expected a RabbitMQ that lets us in, got {_said(error)}")

    async def _keep(self) -> None:
        """Wait until the connection breaks, make it anew, for ever."""
        while True:
            with suppress(Exception, asyncio.CancelledError):
                await self._connection.closing
            if self._users == 0 or cancelled():
                raise asyncio.CancelledError
            self._connected.clear()
            self._trouble = "the connection broke"
            log.warning("lost the connection", extra={"action": "amqp_lost"})
            await self._again()
            log.info("connected again", extra={"action": "amqp_connected"})

    async def _again(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever it is: nobody else connects again
                self._trouble = str(error)
                log.info("cannot connect: %s", self._trouble, extra={"action": "amqp_refused"})
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    def _why(self) -> str:
        return "it is connected, but slow" if self._connected.is_set() else self._trouble


def cancelled() -> bool:
    """Whether this task is to end: a CancelledError without that is the driver's, who cancels what it cannot end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unless_ended(error: asyncio.CancelledError) -> None:
    """Raise it when it is meant for this task."""
    if asyncio.current_task() is None or cancelled():
        raise error


def _said(error: BaseException) -> str:
    return hidden(f"{type(error).__name__}: {error}".removesuffix(": "))[:500]
