"""The composition root: services on a bridge. The CLI, workers and tests load an ``App``; everything else gets ports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from purista.assembly import Assembly
from purista.embedded import DefaultEventBridge
from purista.errors import DeclarationError
from purista.outpost import Outpost
from purista.service.origin import locate_raised
from purista.settings import Settings

if TYPE_CHECKING:
    from purista.registration.registrar import Scheduler
    from purista.service.builder import ServiceBuilder
    from purista.service.runtime import ServiceInstance

__all__ = ["App", "load_app"]


class App:
    """Services with everything they need. ``ledger`` is the file for ledger, queue and bridge (``PURISTA_LEDGER``); with a
    broker in ``PURISTA_BRIDGE`` it may be the address of a ledger, and the same app runs over many hosts.

    Use it as an async context manager, or let ``purista worker`` start it.
    """

    def __init__(
        self,
        services: Sequence[ServiceBuilder],
        *,
        ledger: str | Path | None = None,
        scheduler: Scheduler | None = None,
        bridge: Assembly | Outpost | None = None,
        **options: Any,
    ) -> None:
        _unique(services)
        if bridge is not None and (ledger is not None or scheduler is not None or options):
            raise DeclarationError("expected a bridge or its options, got both; give the options to the bridge")
        self.services = tuple(services)
        self._node = bridge
        self._arguments = {"path": ledger, "scheduler": scheduler, **options}
        self._instances: list[ServiceInstance] = []

    @property
    def node(self) -> Assembly | Outpost:
        """What the services run on; made when first asked for, so that declaring an app touches no file."""
        if self._node is None:
            arguments = dict(self._arguments)
            path, settings = arguments.pop("path"), Settings.read()
            place = settings.ledger if path is None else path
            if settings.bridge is None:
                self._node = DefaultEventBridge(place, **arguments)
            else:
                from purista.distributed import bridge_at  # noqa: PLC0415 - who has no broker needs none of it

                self._node = bridge_at(settings.bridge, ledger=place, **arguments)
        return self._node

    @property
    def bridge(self) -> Assembly:
        """The event bridge, with ledger and gateway behind it.

        :raises DeclarationError: this process has no ledger: it asks gateways.
        """
        node = self.node
        if isinstance(node, Outpost):
            raise DeclarationError(
                "expected a bridge with a ledger, got an outpost, which asks gateways; run this where the gateways are"
            )
        return node

    async def __aenter__(self) -> App:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *, consume: bool = True) -> None:
        """Start every service: register its schedules, then (``consume``) take messages.

        :raises RegistrationError: the external scheduler could not be configured; what had started is stopped again.
        """
        from purista.contract.rules import validate_app  # noqa: PLC0415 - only those who start need it

        if self._instances:
            return
        validate_app(self.services)
        try:
            for service in self.services:
                instance = await service.get_instance(self.node)
                self._instances.append(instance)
                await instance.start(consume=consume)
            if consume and isinstance(self.node, Assembly):
                await self.node.warn()
        except BaseException:
            await self.stop(drain=False)
            raise

    async def stop(self, *, drain: bool = True) -> None:
        """Stop all services together; ``drain`` waits for handlers in work. Without it a stop overtakes one that waits."""
        from purista.service.runtime import stop_all  # noqa: PLC0415 - whoever stops has started

        await stop_all(self._instances, drain=drain)
        self._instances = []


def _unique(services: Sequence[ServiceBuilder]) -> None:
    seen: set[tuple[str, str]] = set()
    for service in services:
        name = (service.name, service.version)
        if name in seen:
            raise DeclarationError(
                f"expected one service {name[0]} version {name[1]}, got two; merge them or raise the version"
            )
        seen.add(name)


def load_app(reference: str, directory: str | Path = ".") -> App:
    """The app that ``module:attribute`` names, as for ASGI servers.

    :raises DeclarationError: the module is not there, the attribute is not there, or it is no ``App``.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise DeclarationError(f'expected "module:attribute" such as "billing:app", got {reference!r}')
    path = str(Path(directory).resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.split(".")[0] == error.name.split(".")[0]:
            raise DeclarationError(f"expected a module {module_name!r} in {path} or installed, found none") from None
        raise  # the module is there and fails itself: its own error says more
    except DeclarationError as error:
        locate_raised(error)
        raise
    found: Any = module
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, App):
        raise DeclarationError(
            f"expected an App at {reference}, got {type(found).__name__}; write {attribute} = App(services=[…])"
        )
    return found
