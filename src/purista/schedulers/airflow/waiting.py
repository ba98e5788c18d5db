"""Waiting for a run's end without a worker: a trigger of Airflow's triggerer. Only Airflow loads this module."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from purista.schedulers.airflow.ingress import Ask, ended, instant_of
from purista.schedulers.airflow.operator import remote_for
from purista.schedulers.base import CallKind
from purista.schedulers.ended import page_of
from purista.schedulers.remote import path_of

__all__ = ["RunEnded"]

EVERY_S = 15.0


class RunEnded(BaseTrigger):  # type: ignore[misc]
    """Fires when the gateway's records say that the run of an occurrence is over."""

    def __init__(
        self, schedule: str, gateway: str, token: str, kind: str, operation: str, said: Mapping[str, Any],
        every: float = EVERY_S,
    ) -> None:  # fmt: skip
        super().__init__()
        self.arguments: dict[str, Any] = {
            "schedule": schedule, "gateway": gateway, "token": token, "kind": kind, "operation": operation,
            "said": dict(said), "every": every,
        }  # fmt: skip
        self.ask = Ask(CallKind(kind), operation, said)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where it is found again, and with what."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self.arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, and look again."""
        told = self.arguments
        remote = await asyncio.to_thread(remote_for, told["gateway"], None, told["token"])
        path = f"{path_of(told['schedule'], 'history')}?{page_of(instant_of(self.ask))}"
        while True:
            heard = await asyncio.to_thread(remote.read, path, told["every"])
            found = ended(heard.document, self.ask) if heard.status == 200 else None
            if found is not None:
                yield TriggerEvent({"well": found[0], "how": found[1]})
                return
            await asyncio.sleep(told["every"])
