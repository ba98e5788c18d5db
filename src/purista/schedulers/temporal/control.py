"""The owner's schedules in a Temporal namespace: listed in pages, created, updated and deleted, and read back.

Temporal's conflict tokens protect nothing (a stale one is answered with success, and dropped), and its list lags behind. So
whatever is written is read back and compared, and what the list shows as old is described before it is written.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from purista.errors import MissingExtra, RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.schedulers.base import Applied, Compiled, Entry, Finding, LiveEntry, Owner, Severity
from purista.schedulers.temporal.text import prefix_of
from purista.schedulers.temporal.wire import WORKFLOW, built, live_digest, meaning, memo_of, owned
from purista.schedulers.together import each

if TYPE_CHECKING:
    from temporalio.client import Client, ScheduleDescription, ScheduleUpdate, ScheduleUpdateInput

__all__ = ["Connect", "TemporalControl"]

PAGE = 1_000
AT_ONCE = 16
TRIES, LOOKS = 4, 10
CREATED, UPDATED, DELETED = "created", "updated", "deleted"
TIMEOUT = timedelta(seconds=10)
CONNECTING_S = 15.0
_T = TypeVar("_T")
Connect = Callable[[], Awaitable["Client"]]


class TemporalControl:
    """A :class:`~purista.schedulers.base.Control` over Temporal's API. Safe for several processes at once.

    ``connect`` opens a client of the namespace. ``pause`` waits (seconds) before another attempt or look.
    """

    def __init__(self, connect: Connect, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._connect, self._pause = connect, pause

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply: no such namespace, no right to list.

        :raises SchedulerUnavailable: no server is in reach.
        """
        try:
            await self._listed(await self._client(), Owner("", "", ""))
        except (SchedulerUnavailable, MissingExtra):
            raise
        except RegistrationError as error:
            return [Finding("T201", Severity.REFUSED, "", str(error))]
        return []

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live schedules. Without a digest: somebody edited what is ours."""
        return list((await self._listed(await self._client(), owner))[0].values())

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's schedules equal to what was compiled: new and changed ones first, then those that go.

        :raises SchedulerUnavailable: the server is not in reach, or overloaded.
        :raises RegistrationError: it does not take it; an id is somebody else's.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        client = await self._client()
        live, foreign = await self._listed(client, owner)
        wanted = {entry.name: entry for entry in compiled.entries}
        if taken := sorted(foreign & wanted.keys()):
            raise _not_ours(taken[0])
        changed = [entry for name, entry in wanted.items() if name not in live or live[name].digest != entry.digest]
        fresh = [entry for entry in changed if entry.name not in live]
        stale = [entry for entry in changed if entry.name in live]
        gone = [name for name in live if name not in wanted]
        acts = [
            *await each(fresh, lambda entry: self._create(client, owner, entry), at_once=AT_ONCE),
            *await each(stale, lambda entry: self._update(client, owner, entry), at_once=AT_ONCE),
            *await each(gone, lambda name: self._delete(client, name), at_once=AT_ONCE),
        ]
        if changed or gone:
            await self._settle(client, owner, wanted)
        done = Counter(act for act in acts if act is not None)
        unchanged = len(wanted) - done[CREATED] - done[UPDATED]
        return Applied(done[CREATED], done[UPDATED], done[DELETED], unchanged, done.total(), read_back=True)

    async def _client(self) -> Client:
        try:
            return await self._asked("connect", lambda: asyncio.wait_for(self._connect(), CONNECTING_S))
        except (RuntimeError, TimeoutError) as error:  # what the SDK raises for a server that is not there
            why = str(error)[:300] or "no answer in time"
            raise SchedulerUnavailable(f"expected a Temporal server, got none in reach: {why}") from error

    async def _listed(self, client: Client, owner: Owner) -> tuple[dict[str, LiveEntry], set[str]]:
        """The owner's, by id, and ids that look like the owner's and carry no mark of it."""

        async def read() -> tuple[dict[str, LiveEntry], set[str]]:
            ours: dict[str, LiveEntry] = {}
            foreign: set[str] = set()
            query = f"ScheduleId STARTS_WITH '{prefix_of(owner)}'"
            async for one in await client.list_schedules(query, page_size=PAGE, rpc_timeout=TIMEOUT):
                if owned(await one.memo(), owner) and one.schedule is not None:
                    body = json.dumps(_as_listed(one.schedule), default=str)
                    ours_still = getattr(one.schedule.action, "workflow", None) == WORKFLOW
                    digest = live_digest(one.schedule.spec) if ours_still else None
                    ours[one.id] = LiveEntry(one.id, digest, body, paused=one.schedule.state.paused)
                else:
                    foreign.add(one.id)
            return ours, foreign

        return await self._asked("list", read)

    async def _create(self, client: Client, owner: Owner, entry: Entry) -> str | None:
        """Another replica may be faster, or the list lags behind: then it is compared."""
        from temporalio.client import ScheduleAlreadyRunningError  # noqa: PLC0415 - an extra

        made = json.loads(entry.body)
        try:
            await self._asked(
                "create",
                lambda: client.create_schedule(entry.name, built(made), memo=memo_of(made), rpc_timeout=TIMEOUT),
            )
        except ScheduleAlreadyRunningError:
            return await self._update(client, owner, entry)
        return CREATED

    async def _update(self, client: Client, owner: Owner, entry: Entry) -> str | None:
        """Keeps what is people's. None: it was right already."""
        made, handle = json.loads(entry.body), client.get_schedule_handle(entry.name)
        wrote: list[bool] = []

        async def change(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
            from temporalio.client import ScheduleUpdate  # noqa: PLC0415

            there = found.description
            if not owned(await there.memo(), owner):
                raise _not_ours(entry.name)
            wrote.append(meaning(there.schedule) != meaning(built(made)))
            return ScheduleUpdate(built(made, there.schedule.state)) if wrote[-1] else None

        await self._asked("update", lambda: handle.update(change, rpc_timeout=TIMEOUT))
        return UPDATED if any(wrote) else None

    async def _delete(self, client: Client, name: str) -> str | None:
        """None: it was gone already."""
        handle = client.get_schedule_handle(name)
        gone = await self._asked("delete", lambda: _gone(handle.delete(rpc_timeout=TIMEOUT)))
        return DELETED if gone else None

    async def _settle(self, client: Client, owner: Owner, wanted: Mapping[str, Entry]) -> None:
        """Read back: success in an answer does not mean that it was written. The list says so at once for all of them; what it
        still shows as old after a while is described.
        """
        late: Iterable[str] = ()
        for number in range(LOOKS):
            live, _ = await self._listed(client, owner)
            late = [name for name, entry in wanted.items() if name not in live or live[name].digest != entry.digest]
            if not late and live.keys() == wanted.keys():
                return
            await self._pause(0.05 * 2 ** min(number, 5))
        await each(late, lambda name: self._check(client, wanted[name]), at_once=AT_ONCE)

    async def _check(self, client: Client, entry: Entry) -> None:
        async def describe() -> ScheduleDescription:
            return await client.get_schedule_handle(entry.name).describe(rpc_timeout=TIMEOUT)

        if meaning((await self._asked("describe", describe)).schedule) != meaning(built(json.loads(entry.body))):
            raise RegistrationMismatch(f"schedule {entry.name} is not what was written: does something else change it?")

    async def _asked(self, verb: str, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask again where the server says so."""
        try:
            from temporalio.service import RPCError, RPCStatusCode  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise MissingExtra("schedules in Temporal", "temporal") from None
        later = (
            RPCStatusCode.UNAVAILABLE, RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.DEADLINE_EXCEEDED,
            RPCStatusCode.ABORTED, RPCStatusCode.INTERNAL, RPCStatusCode.CANCELLED,
        )  # fmt: skip
        for number in range(TRIES):
            try:
                return await ask()
            except RPCError as error:
                if error.status not in later:
                    raise RegistrationError(_words(verb, error.status.name, error.message)) from error
                if number == TRIES - 1:
                    raise SchedulerUnavailable(_words(verb, error.status.name, error.message)) from error
            await self._pause(0.2 * 2**number)
        raise AssertionError("unreachable")


def _as_listed(schedule: Any) -> dict[str, Any]:
    """What the list says about one, for people who compare."""
    return {"workflow": getattr(schedule.action, "workflow", ""), "spec": schedule.spec, "note": schedule.state.note}


async def _gone(deleting: Awaitable[None]) -> bool:
    from temporalio.service import RPCError, RPCStatusCode  # noqa: PLC0415

    try:
        await deleting
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


def _not_ours(name: str) -> RegistrationError:
    return RegistrationError(f"schedule {name} does not carry our mark: it is left alone; delete it in Temporal")


def _words(verb: str, status: str, message: str) -> str:
    if status in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        rights = "ListSchedules, DescribeSchedule, CreateSchedule, UpdateSchedule and DeleteSchedule"
        needs = f"its credential needs write access to the namespace ({rights})"
        return f"this process may not {verb} schedules; {needs}: {message[:300]}"
    return f"the Temporal server did not take it ({verb}, {status}): {message[:300]}"
