"""The message trigger: an Airflow task that calls gateways over RabbitMQ or NATS. Only Airflow loads this module, so it imports
Airflow at its top.

It stands above the adapters because it needs two: Airflow's, and a broker's. A message straight to a worker would pass by the
ledger; so this is an ask of a group of gateways, confirmed by the broker, repeated until it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import DAG, BaseOperator, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from purista.clock import from_iso
from purista.distributed import AmqpOutpost, NatsOutpost, resolved
from purista.errors import BridgeError, InvokeTimeout, PuristaError
from purista.outpost import Outpost
from purista.permits.calls import Told
from purista.schedulers.airflow.factory import TASK, build_with
from purista.schedulers.airflow.ingress import Ask, ask_of
from purista.schedulers.airflow.operator import facts_of
from purista.schedulers.airflow.place import CONNECTION
from purista.schedulers.base import Call, CallKind

__all__ = ["PuristaMessage", "build"]


class PuristaMessage(BaseOperator):  # type: ignore[misc]
    """:class:`~purista.schedulers.airflow.operator.PuristaCall` over a broker: the same runs ask for the same.

    ``broker`` is a reference to an ``amqp://`` or ``nats://`` address, which may hold a password: ``env:NAME``, ``file:/path``
    or ``connection:ID``. ``secret`` refers to what signs asks (``PURISTA_PERMIT_SECRET`` of the gateways); ``group`` is theirs.
    """

    def __init__(
        self, *, schedule: str, broker: str, secret: str | None = None, group: str = "default", exact: bool = True,
        prefix: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.schedule, self.broker, self.secret, self.group = schedule, broker, secret, group
        self.exact, self.prefix = exact, prefix

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, and end as the answer says.

        :raises AirflowException: no gateway answers, or asks to be called again: Airflow tries again.
        :raises AirflowFailException: it is refused: trying again would not help.
        """
        call = call_of(self.schedule, ask_of(facts_of(context, exact=self.exact)))
        try:
            told = asyncio.run(self._asked(call))
        except (BridgeError, InvokeTimeout, OSError) as error:
            raise AirflowException(f"{self.schedule}: not now: {error}") from None
        except PuristaError as error:
            raise AirflowFailException(str(error)) from None
        if told.answer == "retry":
            raise AirflowException(f"{self.schedule}: not now: {told.detail}")
        if told.answer == "refused":
            raise AirflowFailException(f"{self.schedule}: refused: {told.detail}")
        return {"answer": told.answer, "detail": told.detail, "published": told.published}

    async def _asked(self, call: Call) -> Told:
        async with self._outpost() as outpost:
            return await outpost.call(call)

    def _outpost(self) -> Outpost:
        named = self.broker.removeprefix(CONNECTION)
        url = Connection.get(named).get_uri() if named != self.broker else resolved(self.broker)
        kind = NatsOutpost if url.startswith(("nats://", "tls://")) else AmqpOutpost
        return kind(url, group=self.group, secret=self.secret, prefix=self.prefix)


def call_of(key: str, ask: Ask) -> Call:
    """What is asked over HTTP, as a call."""
    at = ask.said.get("scheduledAt", ask.said.get("from"))
    request = str(ask.said.get("request", "")) if ask.kind is not CallKind.REPLAY else str(at)
    return Call(key, ask.kind, None if at is None else from_iso(at), request, force=ask.said.get("force") is True)


def build(entries: Sequence[Mapping[str, Any]]) -> dict[str, DAG]:
    """One DAG for each entry, by their ids, whose tasks call over the broker."""
    return build_with(entries, _task)


def _task(entry: Mapping[str, Any], dag: DAG) -> None:
    PuristaMessage(
        task_id="call", dag=dag, schedule=entry["schedule"], broker=entry["broker"], secret=entry.get("secret"),
        group=entry["group"], exact=entry["exact"], prefix=entry.get("prefix"), **TASK,
    )  # fmt: skip
