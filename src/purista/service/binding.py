"""Event to queue: a subscription that does nothing but turn an event's message into a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from purista.contract.payload import value_at
from purista.service.handlers import Handler

if TYPE_CHECKING:
    from purista.service.context import Context

__all__ = ["binding_name", "passing_on"]


def binding_name(event: str, queue: str) -> str:
    """What PURISTA calls the subscription of such a binding."""
    return f"eventToQueue:{event}:{queue}"


def passing_on(target: Any, mapper: Callable[[Any], Any] | None, key: str | None, delay: float | None) -> Handler:
    """The subscription's handler: it returns, and the event is acknowledged, once the job is durably in its queue.

    ``key`` is the path of the idempotency key in the event's payload. Without it a redelivered event makes the same job,
    for the job's id comes from the delivery's, and that from the occurrence.
    """

    async def pass_on(context: Context, payload: Any) -> None:
        idempotency_key = None if key is None else value_at(context.message.get("payload"), key)
        wanted = payload if mapper is None else mapper(payload)
        await context.enqueue(target, wanted, delay=delay, idempotency_key=idempotency_key)

    return pass_on
