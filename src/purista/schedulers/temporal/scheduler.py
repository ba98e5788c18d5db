"""Temporal as an external scheduler: dialect and control for one namespace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from purista.auth.secret import read_secret, reference_of
from purista.errors import DeclarationError, InvalidSecret, MissingExtra
from purista.schedulers.temporal.control import Connect, TemporalControl
from purista.schedulers.temporal.dialect import TemporalDialect
from purista.schedulers.temporal.place import Place

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["TemporalScheduler", "opening"]


class TemporalScheduler:
    """Schedules of a Temporal server, given to an event bridge: ``AmqpBridge(url, ledger=…, scheduler=TemporalScheduler(…))``.

    What they start is done by ``purista temporal worker``. ``address`` is ``host:port`` of the server; ``task_queue`` None is
    ``purista-`` with the environment's name. ``wait``: workflows stay open until the run is over, and fail when it failed, so
    that Temporal's own pages show the work. ``tls`` and ``api_key`` (a reference, ``env:NAME`` or ``file:PATH``) are for
    Temporal Cloud and servers like it. ``connect`` opens the client in another way (client certificates, a codec).
    """

    name = "temporal"

    def __init__(
        self,
        address: str = "localhost:7233",
        *,
        namespace: str = "default",
        task_queue: str | None = None,
        wait: bool = False,
        tls: bool = False,
        api_key: str | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._connect = connect or opening(address, namespace=namespace, tls=tls, api_key=api_key)
        self.place = Place(0, task_queue, wait)

    @property
    def dialect(self) -> TemporalDialect:
        """Contract → schedules."""
        return TemporalDialect(self.place)

    @property
    def control(self) -> TemporalControl:
        """What is live in the namespace."""
        return TemporalControl(self._connect)

    def at(self, now: int) -> TemporalScheduler:
        """The same scheduler, told from when (epoch seconds) its schedules must cover."""
        found = object.__new__(type(self))
        found._connect, found.place = self._connect, replace(self.place, now=now)
        return found

    def for_gateway(self, environment: str, now: int) -> TemporalScheduler:  # noqa: ARG002 - the owner says it
        """For a bridge over a broker: the worker calls its gateway."""
        return self.at(now)

    def for_ledger(self, path: str, environment: str, now: int) -> TemporalScheduler:  # noqa: ARG002 - no file is named
        """For a bridge on a file: the worker opens it (``--app``), or calls the gateway beside it."""
        return self.at(now)


def opening(address: str, *, namespace: str, tls: bool, api_key: str | None) -> Connect:
    """How to open a client. The key is read when that happens.

    :raises DeclarationError: for what is no address, or a key itself in place of its reference.
    """
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536) or "/" in address:
        raise DeclarationError(f"expected a Temporal server's host:port, got {address[:80]!a}; write 'localhost:7233'")
    if api_key is not None:
        try:
            reference_of(api_key)
        except InvalidSecret as error:
            raise DeclarationError(f"api_key: {error}") from None

    async def connect() -> Client:
        try:
            from temporalio.client import Client  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise MissingExtra("schedules in Temporal", "temporal") from None
        key = None if api_key is None else read_secret(api_key).reveal().decode("latin-1")
        return await Client.connect(address, namespace=namespace, tls=tls or key is not None, api_key=key)

    return connect
