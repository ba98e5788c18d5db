"""systemd as an external scheduler: dialect and control for one host."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from purista.schedulers.gateways import gateway_arguments, needs_gateway
from purista.schedulers.systemd.control import SystemdControl
from purista.schedulers.systemd.dialect import SystemdDialect
from purista.schedulers.systemd.place import Place
from purista.schedulers.systemd.systemctl import run_command
from purista.schedulers.users import this_user

__all__ = ["SystemdScheduler"]

SYSTEM = Path("/etc/systemd/system")


class SystemdScheduler:
    """The machine's systemd, given to an event bridge: ``DefaultEventBridge("purista.db", scheduler=SystemdScheduler())``.

    ``user`` runs the calls (default: who starts the service), ``command`` starts purista (default: this interpreter with
    ``-m purista``). ``single_host=True`` says that no other host calls for the same schedules. ``user_units=True`` writes to
    this user's own manager (``~/.config/systemd/user``): no root is needed. Into any other ``directory`` files are written,
    and nothing is started.

    ``gateway`` is the address of a ``purista serve`` that the units call instead of opening a ledger; ``secret`` or ``token``
    is a reference (``file:/etc/purista/secret``) to what proves who calls. It must be readable for ``user``.
    """

    name = "systemd"

    def __init__(
        self,
        directory: str | Path | None = None,
        *,
        user: str | None = None,
        command: Sequence[str] | None = None,
        single_host: bool = False,
        sweep_minutes: int = 5,
        user_units: bool = False,
        gateway: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        place: Place | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "directory": directory, "user": user, "command": command, "single_host": single_host,
            "sweep_minutes": sweep_minutes, "gateway": gateway, "secret": secret, "token": token,
            "user_units": user_units,
        }  # fmt: skip
        self._gateway = gateway_arguments(gateway, secret, token)
        self._place = place

    @property
    def dialect(self) -> SystemdDialect:
        """Contract → units."""
        return SystemdDialect(self._placed())

    @property
    def control(self) -> SystemdControl:
        """The owner's files, and systemd itself where it reads them."""
        user_units = self._options["user_units"]
        home = _user_folder() if user_units else SYSTEM
        directory = Path(self._options["directory"] or home)
        run = run_command if directory.resolve() == home.resolve() else None
        return SystemdControl(directory, self.dialect, run=run, user_units=user_units)

    def changed(self, **options: Any) -> SystemdScheduler:
        """The same scheduler with some options of its own replaced."""
        return SystemdScheduler(**{**self._options, **options})

    def for_ledger(self, path: str, environment: str, now: int) -> SystemdScheduler:  # noqa: ARG002 - the names have it
        """The same scheduler, told which ledger its units name and from when (epoch seconds) they must cover."""
        return SystemdScheduler(**self._options, place=replace(self._placed(), ledger=path, now=now))

    def for_gateway(self, environment: str, now: int) -> SystemdScheduler:
        """The same scheduler where calls cannot open the ledger: they go to ``gateway``.

        :raises RegistrationError: none is named.
        """
        if not self._gateway:
            raise needs_gateway("SystemdScheduler")
        return self.for_ledger("purista.db", environment, now)  # the name of a file that no call opens

    def _placed(self) -> Place:
        if self._place is not None:
            return self._place
        options = self._options
        return Place(
            command=tuple(options["command"] or (sys.executable, "-m", "purista")),
            ledger="purista.db",
            now=0,
            user=None if options["user_units"] else options["user"] or this_user(),
            single_host=options["single_host"],
            sweep_minutes=options["sweep_minutes"],
            gateway=self._gateway,
        )


def _user_folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"
