"""The owner's CronJobs in a namespace: listed by label in pages, applied on the server, read back.

Nothing without the owner's label is ever touched, and what is right already costs no write and no read of its own. An apply
takes back what somebody edited in fields that are ours, and leaves the others alone: ``suspend`` is never ours.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from purista.errors import MissingExtra, RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.schedulers.base import Applied, Compiled, Finding, LiveEntry, Owner, Severity
from purista.schedulers.gateways import refuse_other_ledger
from purista.schedulers.kubernetes.text import MANAGED, digest_of, mark_of, owner_label
from purista.schedulers.together import each

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lightkube import AsyncClient

__all__ = ["Connect", "KubernetesControl", "in_reach"]

MANAGER, APPLIED, LEDGER = "purista", "purista.dev/applied", "purista.dev/ledger"
PAGE = 500
AT_ONCE = 8
TRIES = 5
RIGHTS = "get, list, create, patch and delete on cronjobs of batch"
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})")
_UNITS = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for unit, power in zip("numkMGTPE", (-3, -2, -1, 1, 2, 3, 4, 5, 6), strict=True)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip
_T = TypeVar("_T")
Connect = Callable[[], "AsyncClient"]


def in_reach() -> AsyncClient:
    """The cluster of the pod this runs in, else of ``KUBECONFIG`` or ``~/.kube/config``.

    :raises MissingExtra: lightkube is not installed.
    """
    try:
        from lightkube import AsyncClient  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra("CronJobs in a cluster", "kubernetes") from None
    return AsyncClient(field_manager=MANAGER)


class KubernetesControl:
    """A :class:`~purista.schedulers.base.Control` over the API server. Safe for several processes at once.

    ``connect`` opens a client; ``namespace`` None is the client's own. ``pause`` waits (seconds) before another attempt.
    """

    def __init__(
        self, connect: Connect, *, namespace: str | None, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._connect, self._namespace, self._pause = connect, namespace, pause

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply: no right to list.

        :raises SchedulerUnavailable: no cluster is in reach.
        """
        try:
            async with self._client() as client:
                await self._live(client, Owner("", "", ""))
        except SchedulerUnavailable:
            raise
        except RegistrationError as error:
            return [Finding("K201", Severity.REFUSED, "", str(error))]
        return []

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live CronJobs. Without a digest: somebody edited what is ours."""
        async with self._client() as client:
            return [_entry(one) for one in (await self._live(client, owner)).values()]

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's CronJobs equal to what was compiled: new and changed ones first, then those that go.

        :raises RegistrationError: the cluster is not in reach or does not take it; a name is somebody else's.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        async with self._client() as client:
            before = {name: _entry(one).digest for name, one in (await self._live(client, owner)).items()}
            wanted = {entry.name: entry for entry in compiled.entries}
            changed = [entry for name, entry in wanted.items() if before.get(name) != entry.digest]
            gone = [name for name in before if name not in wanted]
            if changed or gone:
                fresh = [entry.name for entry in changed if entry.name not in before]
                await each(fresh, lambda name: self._is_free(client, name, owner), at_once=AT_ONCE)
                await each(changed, lambda entry: self._write(client, json.loads(entry.body)), at_once=AT_ONCE)
                await each(gone, lambda name: self._remove(client, name), at_once=AT_ONCE)
                await self._check(client, owner, wanted)
        return Applied(
            created=sum(name not in before for name in wanted),
            updated=sum(entry.name in before for entry in changed), deleted=len(gone),
            unchanged=len(wanted) - len(changed), written=len(changed) + len(gone),
        )  # fmt: skip

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AsyncClient]:
        client = self._connect()
        try:
            yield client
        finally:
            await client.close()

    async def _live(self, client: AsyncClient, owner: Owner) -> dict[str, Mapping[str, Any]]:
        from lightkube.resources.batch_v1 import CronJob  # noqa: PLC0415 - an extra

        labels: dict[str, Any] = {**MANAGED, "purista.dev/owner": owner_label(owner)}

        async def read() -> dict[str, Mapping[str, Any]]:
            found = client.list(CronJob, namespace=self._namespace, labels=labels, chunk_size=PAGE)
            return {one["metadata"]["name"]: one async for one in _dicts(found)}

        live = await self._asked("list", read)
        for name, one in live.items():
            refuse_other_ledger(f"CronJob {name}", (one["metadata"].get("annotations") or {}).get(LEDGER, ""), owner)
        return live

    async def _is_free(self, client: AsyncClient, name: str, owner: Owner) -> None:
        """An apply would take over whatever has the name."""
        from lightkube.resources.batch_v1 import CronJob  # noqa: PLC0415

        found = await self._asked("get", lambda: client.get(CronJob, name, namespace=self._namespace), absent=True)
        labels = {} if found is None else (found.to_dict()["metadata"].get("labels") or {})
        if found is not None and labels.get("purista.dev/owner") != owner_label(owner):
            raise RegistrationError(f"CronJob {name} does not carry our mark: it is left alone; rename or delete it")

    async def _write(self, client: AsyncClient, made: dict[str, Any]) -> None:
        """What is applied is kept beside it: only so can it be told from what the server and others add."""
        from lightkube.resources.batch_v1 import CronJob  # noqa: PLC0415

        made["metadata"]["annotations"][APPLIED] = json.dumps(made["spec"], sort_keys=True)
        one: Any = CronJob.from_dict(made)
        where: dict[str, Any] = {"namespace": self._namespace, "field_manager": MANAGER, "force": True}
        await self._asked("patch", lambda: client.apply(one, **where))

    async def _remove(self, client: AsyncClient, name: str) -> None:
        from lightkube.resources.batch_v1 import CronJob  # noqa: PLC0415
        from lightkube.types import CascadeType  # noqa: PLC0415

        def remove() -> Awaitable[Any]:
            return client.delete(CronJob, name, namespace=self._namespace, cascade=CascadeType.BACKGROUND)

        await self._asked("delete", remove, absent=True)

    async def _check(self, client: AsyncClient, owner: Owner, wanted: Mapping[str, Any]) -> None:
        live = {name: _entry(one).digest for name, one in (await self._live(client, owner)).items()}
        wrong = sorted(name for name in live.keys() | wanted.keys()
                       if name not in wanted or live.get(name) != wanted[name].digest)  # fmt: skip
        if wrong:
            raise RegistrationMismatch(
                f"{len(wrong)} CronJobs are not what was written, the first {wrong[0]}: does something else change them "
                "(an admission webhook, another deployment)?"
            )

    async def _asked(self, verb: str, ask: Callable[[], Awaitable[_T]], *, absent: bool = False) -> _T | Any:
        """Ask again where the server says so. ``absent``: not being there is an answer."""
        from httpx2 import HTTPError  # noqa: PLC0415 - comes with lightkube
        from lightkube.core.exceptions import ApiError  # noqa: PLC0415

        for number in range(TRIES):
            try:
                return await ask()
            except ApiError as error:
                code = error.status.code or 0
                if code == 404 and absent:
                    return None
                if not (code == 429 or code >= 500):
                    raise RegistrationError(_words(verb, code, error.status.message or "")) from error
                if number == TRIES - 1:
                    raise SchedulerUnavailable(_words(verb, code, error.status.message or "")) from error
            except HTTPError as error:
                if number == TRIES - 1:
                    raise SchedulerUnavailable(
                        f"expected a Kubernetes API server, got none in reach: {error!r}"
                    ) from error
            await self._pause(0.2 * 2**number)
        raise AssertionError("unreachable")


async def _dicts(found: Any) -> AsyncIterator[dict[str, Any]]:
    async for one in found:
        yield one.to_dict()


def _entry(found: Mapping[str, Any]) -> LiveEntry:
    """With a digest only where everything that was applied is still so, whatever the server and others added."""
    mark = mark_of(found)
    applied = (found["metadata"].get("annotations") or {}).get(APPLIED, "")
    try:
        spec = json.loads(applied)
    except ValueError:
        spec = None
    whole = isinstance(spec, dict) and digest_of(spec) == mark and _contains(found.get("spec"), spec)
    suspended = (found.get("spec") or {}).get("suspend") is True
    return LiveEntry(found["metadata"]["name"], mark if whole else None, json.dumps(found), paused=suspended)


def _contains(there: Any, wanted: Any, *, quantities: bool = False) -> bool:
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            _contains(there.get(name), value, quantities=quantities or name == "resources")
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        pairs = zip(there, wanted, strict=True) if isinstance(there, list) and len(there) == len(wanted) else None
        return pairs is not None and all(_contains(one, other) for one, other in pairs)
    return bool(there == wanted) or (quantities and _amount(there) == _amount(wanted) is not None)


def _amount(text: Any) -> Decimal | None:
    """A quantity's value: servers write ``1024Mi`` as ``1Gi``, and ``0.1`` as ``100m``."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return None
    number, unit = Decimal(found[1]), found[2] or ""
    return number * _UNITS[unit] if unit in _UNITS else number.scaleb(int(unit[1:]))


def _words(verb: str, code: int, message: str) -> str:
    if code in (401, 403):
        return f"this process may not {verb} CronJobs; its service account needs {RIGHTS}: {message[:500]}"
    return f"the API server did not take it ({verb}, {code}): {message[:500]}"
