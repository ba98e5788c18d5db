"""The owner's jobs in a location: listed in pages, told by the mark in their description, written, read back.

LIST has no filter and returns whole jobs, so one pass over its pages tells everything: what is ours, whether somebody edited
it, whose a name is, and how many jobs there are. The API has no compare-and-set: the last one who writes wins, and all replicas
of one revision write the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from purista.errors import MissingExtra, RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.schedulers.base import Applied, Compiled, Entry, Finding, LiveEntry, Owner, Severity
from purista.schedulers.gateways import refuse_other_ledger
from purista.schedulers.gcp.text import digest_of, ledger_of, mark_of, owner_mark
from purista.schedulers.together import each

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient

__all__ = ["Connect", "GcpControl", "in_reach"]

PAGE = 500
AT_ONCE = 8
TRIES = 9
ONCE: Mapping[str, Any] = {"retry": None, "timeout": 20.0}
"""One attempt of so many seconds. The client repeats for ten minutes by itself; that is off: ours is bounded, and says why."""
LONGEST_PAUSE_S = 30.0
STOPPED = frozenset({"PAUSED", "DISABLED"})
MASK = ("description", "schedule", "time_zone", "retry_config")
AGAIN = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED"})
_T = TypeVar("_T")
Connect = Callable[[], "CloudSchedulerAsyncClient"]
Found = Mapping[str, Any]


def in_reach() -> CloudSchedulerAsyncClient:
    """With the application's default credentials: of the account this runs as, or of ``gcloud auth application-default``.

    :raises MissingExtra: google-cloud-scheduler is not installed.
    :raises RegistrationError: there are no credentials.
    """
    try:
        from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415 - an extra
        from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingExtra("jobs of Google Cloud Scheduler", "gcp") from None
    try:
        return CloudSchedulerAsyncClient()
    except DefaultCredentialsError as error:
        raise RegistrationError(
            f"expected Google's application default credentials, got none: {error}; write gcloud auth application-default login"
        ) from error


class GcpControl:
    """A :class:`~purista.schedulers.base.Control` over the API. Safe for several processes at once.

    ``connect`` opens a client; ``parent`` is the location, which takes ``quota`` jobs. ``pause`` waits (seconds) before another
    attempt.
    """

    def __init__(
        self, connect: Connect, *, parent: str, quota: int, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._connect, self._parent, self._quota, self._pause = connect, parent, quota, pause

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply: no credentials, no right to list, the API not switched on.

        :raises SchedulerUnavailable: the API is not in reach.
        """
        try:
            async with self._client() as client:
                await self._all(client)
        except SchedulerUnavailable:
            raise
        except RegistrationError as error:
            return [Finding("G201", Severity.REFUSED, "", str(error))]
        return []

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live jobs. Without a digest: somebody edited what is ours, or an update failed half-way."""
        async with self._client() as client:
            return [_entry(one) for one in _ours(await self._all(client), owner)]

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's jobs equal to what was compiled: new and changed ones first, then those that go. What a person
        paused stays paused.

        :raises SchedulerUnavailable: the API is not in reach.
        :raises RegistrationError: the API does not take it; a name is somebody else's; the location is full.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        async with self._client() as client:
            everything = await self._all(client)
            before = {one.name: one for one in map(_entry, _ours(everything, owner))}
            wanted = {entry.name: entry for entry in compiled.entries}
            changed = [e for name, e in wanted.items() if name not in before or before[name].digest != e.digest]
            gone = [name for name in before if name not in wanted]
            if changed or gone:
                self._check_room(everything, before, wanted)
                await each(
                    changed, lambda entry: self._write(client, entry, before.get(entry.name), owner), at_once=AT_ONCE
                )
                await each(gone, lambda name: self._remove(client, name), at_once=AT_ONCE)
                await self._check(client, owner, wanted)
        return Applied(
            created=sum(name not in before for name in wanted),
            updated=sum(entry.name in before for entry in changed), deleted=len(gone),
            unchanged=len(wanted) - len(changed), written=len(changed) + len(gone),
        )  # fmt: skip

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[CloudSchedulerAsyncClient]:
        client = self._connect()
        try:
            yield client
        finally:
            transport: Any = client.transport
            await transport.close()

    async def _all(self, client: CloudSchedulerAsyncClient) -> Sequence[Found]:
        """Every job of the location, whosever it is."""

        async def read() -> Sequence[Found]:
            request = {"parent": self._parent, "page_size": PAGE}
            pages = await client.list_jobs(request=request, **ONCE)
            return [_plain(one) async for one in pages]

        found: Sequence[Found] = await self._asked("list", read)
        return found

    def _check_room(
        self, everything: Sequence[Found], before: Mapping[str, LiveEntry], wanted: Mapping[str, Entry]
    ) -> None:
        """Before anything is written: a name of somebody else, or a location that would be full half-way."""
        foreign = {_name(one) for one in everything} - before.keys()
        taken = sorted(foreign & wanted.keys())
        if taken:
            raise RegistrationError(f"job {taken[0]} does not carry our mark: it is left alone; rename or delete it")
        after = len(foreign) + len(before.keys() | wanted.keys())
        if after > self._quota and wanted.keys() - before.keys():
            raise RegistrationError(
                f"{after} jobs would be more than the {self._quota} that {self._parent} takes, {len(foreign)} of them not "
                "of this service: nothing was written; ask Google for a larger quota and write job_quota="
            )

    async def _write(
        self, client: CloudSchedulerAsyncClient, entry: Entry, before: LiveEntry | None, owner: Owner
    ) -> None:
        if before is None:
            if await self._created(client, entry):
                return
            before = await self._twin(client, entry.name, owner)
            if before.digest == entry.digest:
                return
        await self._update(client, entry, before)

    async def _created(self, client: CloudSchedulerAsyncClient, entry: Entry) -> bool:
        """False: another replica was faster."""
        job = _job(entry.body)
        made = await self._asked(
            "create", lambda: client.create_job(parent=self._parent, job=job, **ONCE), instead="ALREADY_EXISTS"
        )
        return made is not None

    async def _twin(self, client: CloudSchedulerAsyncClient, name: str, owner: Owner) -> LiveEntry:
        full = f"{self._parent}/jobs/{name}"
        found = _plain(await self._asked("get", lambda: client.get_job(name=full, **ONCE)))
        if not _ours([found], owner):
            raise RegistrationError(f"job {name} does not carry our mark: it is left alone; rename or delete it")
        return _entry(found)

    async def _update(self, client: CloudSchedulerAsyncClient, entry: Entry, before: LiveEntry) -> None:
        from google.protobuf.field_mask_pb2 import FieldMask  # noqa: PLC0415 - an extra

        job = _job(entry.body)
        over_http = "httpTarget" in json.loads(entry.body)
        mask = FieldMask(paths=[*MASK, *(("http_target", "attempt_deadline") if over_http else ("pubsub_target",))])
        after = _plain(await self._asked("update", lambda: client.update_job(job=job, update_mask=mask, **ONCE)))
        if before.paused and after.get("state") not in STOPPED:  # whether an update ends a pause is not documented
            await self._asked("pause", lambda: client.pause_job(name=job.name, **ONCE))

    async def _remove(self, client: CloudSchedulerAsyncClient, name: str) -> None:
        full = f"{self._parent}/jobs/{name}"
        await self._asked("delete", lambda: client.delete_job(name=full, **ONCE), instead="NOT_FOUND")

    async def _check(self, client: CloudSchedulerAsyncClient, owner: Owner, wanted: Mapping[str, Entry]) -> None:
        live = {one.name: one.digest for one in map(_entry, _ours(await self._all(client), owner))}
        wrong = sorted(name for name in live.keys() | wanted.keys()
                       if name not in wanted or live.get(name) != wanted[name].digest)  # fmt: skip
        if wrong:
            raise RegistrationMismatch(
                f"{len(wrong)} jobs are not what was written, the first {wrong[0]}: does something else change them "
                "(Terraform, another deployment)?"
            )

    async def _asked(self, verb: str, ask: Callable[[], Awaitable[_T]], *, instead: str = "") -> _T | Any:
        """Ask again where the API says so. ``instead``: an error that is an answer, which is None."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - an extra
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        for number in range(TRIES):
            try:
                return await ask()
            except GoogleAPICallError as error:
                status = _status(error)
                if status == instead:
                    return None
                if status not in AGAIN:
                    raise RegistrationError(_words(self._parent, verb, status, error.message or "")) from error
                if number == TRIES - 1:
                    raise SchedulerUnavailable(_words(self._parent, verb, status, error.message or "")) from error
            except GoogleAuthError as error:
                raise RegistrationError(f"expected credentials that Google takes, got: {error}") from error
            await self._pause(min(LONGEST_PAUSE_S, 0.25 * 2**number))
        raise AssertionError("unreachable")


def _job(body: str) -> Any:
    from google.cloud.scheduler_v1 import Job  # noqa: PLC0415 - an extra

    return Job.from_json(body)


def _plain(found: Any) -> Found:
    """A job as the API's own JSON, without what is not set."""
    plain: Found = json.loads(type(found).to_json(found, use_integers_for_enums=False, indent=None))
    return plain


def _name(found: Found) -> str:
    return str(found["name"]).rpartition("/")[2]


def _ours(everything: Iterable[Found], owner: Owner) -> Sequence[Found]:
    mine = owner_mark(owner)
    ours = [one for one in everything if (mark := mark_of(one)) is not None and mark[0] == mine]
    for one in ours:
        refuse_other_ledger(f"job {_name(one)}", ledger_of(one), owner)
    return ours


def _entry(found: Found) -> LiveEntry:
    """With a digest only where everything that was written is still so."""
    mark = mark_of(found)
    whole = mark is not None and digest_of(found) == mark[1] and found.get("state") != "UPDATE_FAILED"
    digest = mark[1] if mark is not None and whole else None
    return LiveEntry(_name(found), digest, json.dumps(found), paused=found.get("state") in STOPPED)


def _status(error: Any) -> str:
    code = getattr(error, "grpc_status_code", None)
    return "UNKNOWN" if code is None else str(code.name)


def _words(parent: str, verb: str, status: str, message: str) -> str:
    message = message[:500]
    if status in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        acts = " and, where jobs call over HTTP, iam.serviceAccounts.actAs on their account" if verb != "list" else ""
        return f"this process may not {verb} jobs in {parent}; its account needs cloudscheduler.jobs.{verb}{acts}: {message}"
    if status == "UNAVAILABLE":
        return f"expected Google's Cloud Scheduler API, got none in reach ({verb}): {message}"
    return f"Cloud Scheduler did not take it ({verb}, {status}): {message}"
