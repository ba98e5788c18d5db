"""The workflow that every schedule of ours starts. Imported by the worker alone: its decorators need Temporal's SDK.

It runs without the sandbox: it uses nothing but its own arguments and what Temporal tells it, which a test replays from a real
history, and the sandbox would import this package again for every run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError

from purista.schedulers.temporal.ingress import call_of, to_document
from purista.schedulers.temporal.wire import WORKFLOW

__all__ = ["ACTIVITY", "REFUSED", "WAIT", "PuristaTrigger"]

ACTIVITY, WAIT, REFUSED = "purista.call", "purista.wait", "PuristaRefused"
_NOMINAL = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1),
    non_retryable_error_types=[REFUSED],
)  # fmt: skip
ATTEMPT = timedelta(minutes=1)
IN_ALL = timedelta(hours=24)
"""So long a call is tried while the gateway is away. It decides what is due at any later call, too."""
LOOK_FIRST, LOOK_LAST = timedelta(seconds=1), timedelta(minutes=1)
"""How long it waits between looks at the records: twice as long each time. A look takes a worker's time, waiting takes none."""


@workflow.defn(name=WORKFLOW, sandboxed=False)
class PuristaTrigger:
    """Tells the gateway that something may be due, and keeps what it answered; where it shall, stays until the run is over."""

    @workflow.run
    async def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One call, tried again until there is an answer. It fails when the run that it waits for went badly."""
        if "waiting" in asked:  # its history became long: the call was made in an earlier part of it
            call, answer = asked["waiting"]["call"], asked["waiting"]["answer"]
        else:
            call = self._call(asked)
            answer = await workflow.execute_activity(
                ACTIVITY, call, start_to_close_timeout=ATTEMPT, schedule_to_close_timeout=IN_ALL, retry_policy=_RETRIES,
                result_type=dict,
            )  # fmt: skip
        if asked.get("wait") and answer.get("published"):
            answer["run"] = await self._over(asked, call, answer)
        return dict(answer)

    def _call(self, asked: dict[str, Any]) -> dict[str, Any]:
        info = workflow.info()
        at = info.typed_search_attributes.get(_NOMINAL)
        nominal = None if at is None else round(at.timestamp()) * 1000
        started = round(info.workflow_start_time.timestamp() * 1000)
        return to_document(call_of(asked, nominal, started, info.run_id))

    async def _over(self, asked: dict[str, Any], call: dict[str, Any], answer: dict[str, Any]) -> str:
        pause = LOOK_FIRST
        while True:
            found: dict[str, Any] = await workflow.execute_activity(
                WAIT, call, start_to_close_timeout=ATTEMPT, retry_policy=_RETRIES, result_type=dict
            )
            if found["over"]:
                break
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new({**asked, "waiting": {"call": call, "answer": answer}})
            await workflow.sleep(pause)
            pause = min(LOOK_LAST, pause * 2)
        if not found["well"]:
            raise ApplicationError(f"the run ended: {found['how']}", type="PuristaRunFailed", non_retryable=True)
        return str(found["how"])
