"""The worker of our workflow: it hands each call to whoever was given, a gateway over HTTP or one in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from purista.errors import MissingExtra
from purista.schedulers.base import Call
from purista.schedulers.temporal.ingress import from_document

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["Told", "Trigger", "serve"]


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway's answer. ``again``: ask once more, after ``after_ms`` where it says so; ``refused``: asking more changes
    nothing. Neither: ``answer`` and ``detail`` are kept in the workflow's history.
    """

    answer: str
    detail: str
    again: bool = False
    refused: bool = False
    after_ms: int | None = None
    published: bool = False


Trigger = Callable[[Call], Awaitable[Told]]
Ended = Callable[[Call], Awaitable[tuple[bool, str] | None]]
"""Whether the run of a call went well, and how it ended; None while it is open.

:raises PermissionError: nobody may read that here.
"""


async def serve(
    client: Client, task_queue: str, trigger: Trigger, until: Callable[[], Awaitable[Any]], ended: Ended | None = None,
) -> None:  # fmt: skip
    """Work what schedules start, until ``until`` returns; calls that are made then are waited for. ``ended`` is for schedules
    that wait for their runs.

    :raises MissingExtra: Temporal's SDK is not installed.
    """
    try:
        from temporalio.worker import Worker  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra("a worker of Temporal", "temporal") from None
    from purista.schedulers.temporal.workflow import PuristaTrigger  # noqa: PLC0415

    worker = Worker(
        client, task_queue=task_queue, workflows=[PuristaTrigger],
        activities=[_activity(trigger), _looking(ended or _unreadable)],
        graceful_shutdown_timeout=timedelta(seconds=30),
    )  # fmt: skip
    # A worker that fails (its namespace is gone, say) ends the waiting with its error.
    running, waiting = asyncio.create_task(worker.run()), asyncio.ensure_future(until())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not running.done():
            await worker.shutdown()
        await running


def _activity(trigger: Trigger) -> Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]:
    from temporalio import activity  # noqa: PLC0415
    from temporalio.exceptions import ApplicationError, ApplicationErrorCategory  # noqa: PLC0415

    from purista.schedulers.temporal.workflow import ACTIVITY, REFUSED  # noqa: PLC0415

    @activity.defn(name=ACTIVITY)
    async def call(document: dict[str, Any]) -> Mapping[str, Any]:
        """One attempt. What must be tried again is an error for Temporal, so its retry policy says when."""
        told = await trigger(from_document(document))
        words = f"{told.answer}: {told.detail}"
        if told.refused:
            raise ApplicationError(words, type=REFUSED, non_retryable=True)
        if told.again:
            wait = None if told.after_ms is None else timedelta(milliseconds=told.after_ms)
            # Benign: the history has it, and the log is not filled with tracebacks of what is normal.
            kind = ApplicationErrorCategory.BENIGN
            raise ApplicationError(words, type="PuristaRetry", next_retry_delay=wait, category=kind)
        return {"answer": told.answer, "detail": told.detail, **({"published": True} if told.published else {})}

    return call


def _looking(ended: Ended) -> Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]:
    from temporalio import activity  # noqa: PLC0415
    from temporalio.exceptions import ApplicationError  # noqa: PLC0415

    from purista.schedulers.temporal.workflow import REFUSED, WAIT  # noqa: PLC0415

    @activity.defn(name=WAIT)
    async def look(document: dict[str, Any]) -> Mapping[str, Any]:
        """Whether the run is over: one look, so that those who wait hold no worker."""
        try:
            found = await ended(from_document(document))
        except PermissionError as error:
            raise ApplicationError(str(error), type=REFUSED, non_retryable=True) from error
        return {"over": False} if found is None else {"over": True, "well": found[0], "how": found[1]}

    return look


async def _unreadable(_: Call) -> None:
    raise PermissionError("this worker may not read how runs end")
