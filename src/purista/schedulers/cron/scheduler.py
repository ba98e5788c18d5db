"""cron as an external scheduler: dialect and control for one host."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from purista.schedulers.cron.control import CronControl
from purista.schedulers.cron.crontab import CrontabControl
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.cron.place import Place, host_zone
from purista.schedulers.gateways import gateway_arguments, needs_gateway
from purista.schedulers.users import this_user

__all__ = ["CronScheduler"]


class CronScheduler:
    """The machine's cron, given to an event bridge: ``DefaultEventBridge("purista.db", scheduler=CronScheduler())``.

    ``user`` runs the lines (default: who starts the service), ``command`` starts purista (default: this interpreter with
    ``-m purista``), ``host_zone`` is the zone of the cron daemon (default: the machine's). ``single_host=True`` says that no
    other host calls for the same schedules. ``user_crontab=True`` writes a block into this user's own crontab instead of a
    file in ``directory``: no root is needed, and macOS has it too.

    ``gateway`` is the address of a ``purista serve`` that the lines call instead of opening a ledger; ``secret`` or ``token``
    is a reference (``file:/etc/purista/secret``) to what proves who calls. It must be readable for ``user``.
    """

    name = "cron"

    def __init__(
        self,
        directory: str | Path = "/etc/cron.d",
        *,
        user: str | None = None,
        command: Sequence[str] | None = None,
        host_zone: str | None = None,
        single_host: bool = False,
        sweep_minutes: int = 5,
        user_crontab: bool = False,
        gateway: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        place: Place | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "directory": directory, "user": user, "command": command, "host_zone": host_zone, "single_host": single_host,
            "sweep_minutes": sweep_minutes, "gateway": gateway, "secret": secret, "token": token,
            "user_crontab": user_crontab,
        }  # fmt: skip
        self._gateway = gateway_arguments(gateway, secret, token)
        self._place = place

    @property
    def dialect(self) -> CronDialect:
        """Contract → lines."""
        return CronDialect(self._placed())

    @property
    def control(self) -> CronControl | CrontabControl:
        """The owner's file, or block."""
        if self._options["user_crontab"]:
            return CrontabControl(this_user())
        return CronControl(self._options["directory"], self.dialect)

    def changed(self, **options: Any) -> CronScheduler:
        """The same scheduler with some options of its own replaced."""
        return CronScheduler(**{**self._options, **options})

    def for_ledger(self, path: str, environment: str, now: int) -> CronScheduler:  # noqa: ARG002 - the file's name has it
        """The same scheduler, told which ledger its lines name and from when (epoch seconds) they must cover."""
        return CronScheduler(**self._options, place=replace(self._placed(), ledger=path, now=now))

    def for_gateway(self, environment: str, now: int) -> CronScheduler:
        """The same scheduler where calls cannot open the ledger: they go to ``gateway``.

        :raises RegistrationError: none is named.
        """
        if not self._gateway:
            raise needs_gateway("CronScheduler")
        return self.for_ledger("purista.db", environment, now)  # the name of a file that no call opens

    def _placed(self) -> Place:
        if self._place is not None:
            return self._place
        options = self._options
        return Place(
            host_zone=options["host_zone"] or host_zone(),
            user=this_user() if options["user_crontab"] else options["user"] or this_user(),
            command=tuple(options["command"] or (sys.executable, "-m", "purista")),
            ledger="purista.db",
            now=0,
            single_host=options["single_host"],
            sweep_minutes=options["sweep_minutes"],
            gateway=self._gateway,
        )
