"""The one declaration of what there is: routes, rights, checks and the OpenAPI document are all made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from purista.auth.grant import Scope
from purista.gateway.http import acts, shapes
from purista.gateway.http.acts import Asked
from purista.gateway.http.answers import Answered

__all__ = ["KEYED", "OPERATIONS", "Operation"]

KEYED = "/schedules/{service}/{version}/{name}"
"""A key has three parts, and no part has a slash: percent-encoded or not, an address means one key only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. ``answers`` are the shapes of what it says when it could be decided, by status.

    ``plain``: it answers with text, and this is what the text is.
    ``once``: a signed request is not carried out twice (by this process) though doing it again would change something.
    """

    scope: Scope
    method: str
    path: str
    summary: str
    act: Callable[[Asked], Awaitable[Answered]]
    answers: Mapping[int, tuple[str, type[BaseModel]]]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    plain: str | None = None
    once: bool = False

    @property
    def name(self) -> str:
        """What a signed body calls it."""
        return str(self.scope)

    @property
    def keyed(self) -> bool:
        """Whether it is about one schedule."""
        return self.path.startswith(KEYED)


_HEARD = {
    202: ("Published: something runs because of this call.", shapes.Heard),
    200: ("Decided, and nothing runs because of this call. Do not repeat it.", shapes.Heard),
    503: ("Not decided now, or not confirmed: call again after Retry-After seconds.", shapes.Heard),
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        scope=Scope.TRIGGER, method="POST", path=f"{KEYED}/trigger", summary="Say that something may be due",
        act=acts.trigger, body=shapes.TriggerAsk, answers=_HEARD,
    ),
    Operation(
        scope=Scope.RUN, method="POST", path=f"{KEYED}/run", summary="One more occurrence, now",
        act=acts.run, body=shapes.RunAsk, answers=_HEARD,
    ),
    Operation(
        scope=Scope.PAUSE, method="POST", path=f"{KEYED}/pause", summary="Decide what falls due as paused",
        act=acts.pause, body=shapes.PauseAsk, answers={200: ("Paused.", shapes.ActDone)}, once=True,
    ),
    Operation(
        scope=Scope.RESUME, method="POST", path=f"{KEYED}/resume", summary="End a pause",
        act=acts.resume, body=shapes.ResumeAsk, answers={200: ("Resumed, or was not paused.", shapes.ActDone)}, once=True,
    ),
    Operation(
        scope=Scope.BACKFILL, method="POST", path=f"{KEYED}/backfill", summary="Run what did not run in the past",
        act=acts.backfill, body=shapes.BackfillAsk,
        answers={
            202: ("Something was published.", shapes.Backfilled), 200: ("Nothing was published.", shapes.Backfilled),
        },
    ),
    Operation(
        scope=Scope.HISTORY, method="GET", path=f"{KEYED}/history", summary="What was decided, newest first",
        act=acts.history, query=shapes.HistoryQuery, answers={200: ("A page.", shapes.HistoryPage)},
    ),
    Operation(
        scope=Scope.MANIFEST, method="GET", path="/schedules/manifest", summary="The contracts in force that you may see",
        act=acts.manifest, answers={200: ("The manifest.", shapes.Manifested)},
    ),
    Operation(
        scope=Scope.METRICS, method="GET", path="/metrics", summary="What Prometheus scrapes", act=acts.metrics, answers={},
        plain="How far each schedule is behind that you may see, and counts of this process.",
    ),
)  # fmt: skip
