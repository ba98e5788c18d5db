"""The task of a DAG: it calls the gateway. Only Airflow loads this module, so it imports Airflow at its top."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from purista.clock import SystemClock
from purista.schedulers.airflow.ingress import Ask, End, Facts, ask_of, judge
from purista.schedulers.airflow.place import CONNECTION
from purista.schedulers.remote import Remote, RemoteFault, remote_of

__all__ = ["PuristaCall", "facts_of", "remote_for"]

PATIENCE_S = 60.0
"""So long a task itself tries again, as the gateway asks it to; then Airflow does."""
LONGEST_WAIT = timedelta(days=7)


class PuristaCall(BaseOperator):  # type: ignore[misc]
    """Says to the gateway that a schedule may be due; by a manual run, that it shall run now; by a backfill, that this
    occurrence shall be filled.

    ``schedule`` is its key (``service/version/name``). ``secret`` or ``token`` is a reference: ``env:NAME``, ``file:/path``
    or ``connection:ID``. ``exact=False``: the run's time is no occurrence, everything due is asked for. ``wait`` defers
    until the run has ended, and fails when it failed; it needs a token with the scope ``history``. A manual run with
    ``{"force": true}`` as its configuration runs even while another one is open."""

    def __init__(
        self, *, schedule: str, gateway: str, secret: str | None = None, token: str | None = None, exact: bool = True,
        wait: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.schedule, self.gateway, self.secret, self.token = schedule, gateway, secret, token
        self.exact, self.wait = exact, wait

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Call, and end as the answer says.

        :raises AirflowException: nobody answers, or asks to be called again: Airflow tries again.
        :raises AirflowFailException: it is refused: trying again would not help.
        """
        ask = ask_of(facts_of(context, exact=self.exact))
        try:
            remote = remote_for(self.gateway, self.secret, self.token)
        except RemoteFault as error:
            raise AirflowFailException(str(error)) from None
        heard = remote.ask(ask.operation, self.schedule, ask.said, PATIENCE_S)
        words = str(heard.document.get("detail") or heard.fault or f"status {heard.status}")[:1_000]
        match judge(heard.status, heard.document):
            case End.AGAIN:
                raise AirflowException(f"{self.schedule}: not now: {words}")
            case End.NEVER:
                raise AirflowFailException(f"{self.schedule}: refused: {words}")
        said = {name: heard.document.get(name) for name in ("answer", "detail", "published", "decided", "slots")}
        self.log.info("%s: %s", self.schedule, said)
        # A duplicate may be this task's own call, whose answer was lost.
        if self.wait and (heard.document.get("published") or heard.document.get("answer") == "duplicate"):
            self._defer(ask)
        return said

    def _defer(self, ask: Ask) -> None:
        from purista.schedulers.airflow.waiting import RunEnded  # noqa: PLC0415 - most tasks do not wait

        until = RunEnded(self.schedule, self.gateway, self.token or "", ask.kind.value, ask.operation, dict(ask.said))
        self.defer(trigger=until, method_name="ended", timeout=LONGEST_WAIT)

    def ended(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> str:  # noqa: ARG002 - Airflow's signature
        """The run is over.

        :raises AirflowFailException: it failed; another attempt would be told that it was decided.
        """
        if not event["well"]:
            raise AirflowFailException(f"{self.schedule}: the run ended: {event['how']}")
        return str(event["how"])


def remote_for(gateway: str, secret: str | None, token: str | None) -> Remote:
    """The gateway with what its references lead to on this worker.

    :raises RemoteFault: a reference leads nowhere.
    """
    variables: dict[str, str] | None = None
    reference = secret or token or ""
    if reference.startswith(CONNECTION):
        variables = {"CONNECTION": _password(reference.removeprefix(CONNECTION))}
        secret, token = ("env:CONNECTION", None) if secret else (None, "env:CONNECTION")
    return remote_of(gateway, secret, token, SystemClock().now, variables)[0]


def _password(connection: str) -> str:
    from airflow.sdk import Connection  # noqa: PLC0415 - only who keeps secrets there

    return Connection.get(connection).password or ""


def facts_of(context: Mapping[str, Any], *, exact: bool) -> Facts:
    """What a task's context says of its run."""
    run = context["dag_run"]
    kind = str(getattr(run.run_type, "value", run.run_type))
    force = isinstance(run.conf, Mapping) and run.conf.get("force") is True
    return Facts(
        kind, run.run_id, run.run_after if kind == "scheduled" else _when(run), context["ti"].try_number, exact, force
    )


def _when(run: Any) -> Any:
    """A backfill's run may be made long after the instant that it is for."""
    return run.logical_date or run.run_after
