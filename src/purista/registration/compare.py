"""What a service declares against what the ledger has: pure. DESIGN's protocol, points 7 and 8."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from purista.contract.digest import digest
from purista.contract.schedule import Schedule
from purista.errors import RegistrationError
from purista.ledgers.base import Change, Contract, Lineage, Pause, Slice

__all__ = ["Act", "Comparison", "Step", "after", "candidates", "compare", "lineage_id", "slice_digest"]


class Act(StrEnum):
    """What registering does with one schedule."""

    CREATE = "create"
    CHANGE = "change"
    ADOPT = "adopt"  # an older version's or an old name's lineage goes on under this key
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    KEPT = "kept"  # a newer version or revision owns it; nothing is changed


@dataclass(frozen=True, slots=True)
class Step:
    """One schedule's part in a registration, with the reason in words and the contract before and after."""

    act: Act
    key: str
    why: str
    before: Schedule | None = None
    after: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a registration will write. ``verified_only``: the slice is older than what is registered, or says the same at an
    older revision; nothing of it is taken.
    """

    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    slice: Slice | None
    verified_only: bool = False
    why: str = ""
    same: bool = False  # verified only, and nothing differs


def lineage_id(environment: str, key: str) -> str:
    """The name of a lineage that is born with ``key``: replicas that start at once agree on it."""
    return hashlib.sha256(f"{environment}\0{key}".encode()).hexdigest()[:16]


def slice_digest(meanings: Mapping[str, str], subscriptions: Sequence[tuple[str, str]] = ()) -> str:
    """One digest over a slice: its schedules' digests by key, and which addresses want which events."""
    lines = sorted(f"{key} {meaning}" for key, meaning in meanings.items())
    lines += sorted({json.dumps(pair) for pair in subscriptions})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def after(change: Change) -> Lineage:
    """The lineage as ``change`` will leave it, with its newest contract alone."""
    return Lineage(
        change.lineage,
        change.key,
        change.expected + 1,
        change.fence,
        change.decided_until,
        change.contracts,
        change.pause,
    )


def candidates(schedule: Schedule) -> list[str]:
    """Keys under which this schedule may be known already: its own, then the names it was renamed from."""
    former = [
        name if "/" in name else f"{schedule.service}/{schedule.version}/{name}" for name in schedule.renamed_from
    ]
    return [schedule.key, *former]


def newer_version(a: str, b: str) -> bool:
    """Whether service version ``a`` is newer than ``b``: numbers compare as numbers."""
    return _natural(a) > _natural(b)


def _natural(version: str) -> tuple[list[tuple[int, int | str]], bool, list[tuple[int, int | str]]]:
    """What comes after a hyphen is before the release, as in https://semver.org (11): 1.0.0-rc1 is older than 1.0.0."""
    release, hyphen, candidate = version.partition("-")
    return _numbered(release), not hyphen, _numbered(candidate)


def _numbered(text: str) -> list[tuple[int, int | str]]:
    parts = re.split("([0-9]+)", text)
    return [(1, int(part)) if part.isascii() and part.isdigit() else (0, part) for part in parts if part]


def compare(
    service: tuple[str, str, str],
    schedules: Sequence[Schedule],
    registered: Slice | None,
    known: dict[str, Lineage],
    *,
    revision: int | None,
    lateness: int,
    now: int,
    subscriptions: Sequence[tuple[str, str]] = (),
    by_hand: bool = False,
) -> Comparison:
    """What must be written so that the ledger holds ``schedules`` for ``service`` (name, version, environment).

    ``known`` maps every candidate key that the ledger knows to its lineage. The same input gives the same comparison.
    ``by_hand``: a person says so, whatever is registered; the registered revision stays.
    """
    name, version, environment = service
    meanings = {s.key: digest(s) for s in schedules}
    wanted = slice_digest(meanings, subscriptions)
    if by_hand:
        revision = None if registered is None else registered.revision
    elif blocked := _older(registered, wanted, revision):
        same = registered is not None and registered.digest == wanted
        kept = tuple(Step(Act.UNCHANGED if same else Act.KEPT, s.key, blocked) for s in schedules)
        return Comparison(kept, (), None, verified_only=True, why=blocked, same=same)
    steps: list[Step] = []
    changes: list[Change] = []
    for schedule in schedules:
        mine = {
            key: lineage
            for key in candidates(schedule)
            if (lineage := known.get(key)) is not None and (lineage.key == schedule.key or lineage.key not in meanings)
        }
        step, change = _one(schedule, meanings[schedule.key], mine, known, environment, revision, lateness, now)
        steps.append(step)
        changes += [] if change is None else [change]
    _one_each(changes)
    claimed = {change.lineage for change in changes} | {
        known[k].lineage for s in schedules for k in candidates(s) if k in known
    }
    for key in registered.keys if registered else ():
        lineage = known.get(key)
        if lineage is not None and lineage.lineage not in claimed and lineage.key == key:
            step, change = _tombstone(lineage, key, revision, lateness, now)
            steps.append(step)
            changes += [] if change is None else [change]
    keys = tuple(s.key for s in schedules)
    same = registered is not None and (registered.digest, registered.revision, registered.keys) == (
        wanted,
        revision,
        keys,
    )
    if same and not changes:
        return Comparison(tuple(steps), (), None)
    replaced = () if registered is None else registered.replaced
    if registered is not None and registered.digest != wanted:
        replaced = (*(d for d in replaced if d != wanted), registered.digest)[-50:]
    return Comparison(
        tuple(steps), tuple(changes), Slice(name, version, environment, revision, wanted, keys, now, replaced)
    )


def _older(registered: Slice | None, wanted: str, revision: int | None) -> str:
    """Why this slice must not be applied; empty when it may."""
    if registered is None:
        return ""
    if registered.revision is not None:
        if revision is None:
            return f"revision {registered.revision} is registered, this process states none; set PURISTA_REVISION"
        if revision < registered.revision:
            return f"revision {registered.revision} is registered, this is revision {revision}"
        if revision == registered.revision and wanted != registered.digest:
            return (
                f"revision {revision} is registered with other contracts or subscriptions; "
                "a change needs a higher PURISTA_REVISION"
            )
        return ""
    if revision is None and wanted != registered.digest and wanted in registered.replaced:
        return "these contracts and subscriptions were replaced once already; set PURISTA_REVISION to roll back"
    return ""


def _one_each(changes: Sequence[Change]) -> None:
    owners: dict[str, str] = {}
    for change in changes:
        other = owners.setdefault(change.lineage, change.key)
        if other != change.key:
            raise RegistrationError(
                f"expected one schedule to go on from a former one, got {other} and {change.key} for the same; "
                "write renamed_from at one of them, the other begins anew"
            )


def _one(
    schedule: Schedule, meaning: str, known: dict[str, Lineage], everything: Mapping[str, Lineage], environment: str,
    revision: int | None, lateness: int, now: int,
) -> tuple[Step, Change | None]:  # fmt: skip
    """``known`` without lineages that another schedule of the same slice owns: a name that is used again begins anew."""
    key = schedule.key
    lateness += schedule.jitter_window_ms or 0  # so much later it may be called
    found = next((known[k] for k in candidates(schedule) if k in known), None)
    if found is None:
        step = Step(Act.CREATE, key, "new", None, schedule)
        contract = Contract(1, key, now, meaning, revision, lateness, schedule)
        pause = None if schedule.enabled_by_default else Pause("contract", "enabledByDefault is false", now)
        taken = everything.get(key)  # its name led to a schedule that has another one now
        return step, Change(
            lineage_id(environment, key if taken is None else f"{key}\0{taken.lineage}"),
            0,
            0,
            now,
            None,
            key,
            pause=pause,
            contracts=(contract,),
            keys=(key,),
            create=True,
        )
    owner = found.key.split("/")
    latest = found.contracts[-1] if found.contracts else None
    removed = latest is None or latest.schedule is None  # then nobody owns it any more: this is a rollback
    if found.key != key and owner[0] == schedule.service and newer_version(owner[1], schedule.version) and not removed:
        return Step(Act.KEPT, key, f"{found.key} is newer and owns it"), None
    renamed = found.key != key and found.key not in candidates(schedule) and owner[2:] != [schedule.name]
    if renamed and not _higher(revision, latest):  # a higher revision with the old name is a rollback of the rename
        return Step(Act.KEPT, key, f"it was renamed to {found.key}"), None
    live = latest is not None and latest.schedule is not None and found.key == key
    if live and latest is not None and (latest.digest, latest.lateness) == (meaning, lateness):
        return Step(Act.UNCHANGED, key, "same contract"), None
    contract = Contract((latest.seq if latest else 0) + 1, key, now, meaning, revision, lateness, schedule)
    act = Act.CHANGE if found.key == key else Act.ADOPT
    why = "other contract" if act is Act.CHANGE else f"goes on from {found.key}"
    return Step(act, key, why, latest.schedule if latest else None, schedule), _change(found, contract, key, (key,))


def _higher(revision: int | None, latest: Contract | None) -> bool:
    """Whether this deployment is certainly newer than the one that wrote ``latest``."""
    if revision is None or latest is None or latest.revision is None:
        return False
    return revision > latest.revision


def _tombstone(lineage: Lineage, key: str, revision: int | None, lateness: int, now: int) -> tuple[Step, Change | None]:
    latest = lineage.contracts[-1]
    if latest.schedule is None:
        return Step(Act.UNCHANGED, key, "removed before"), None
    contract = Contract(latest.seq + 1, key, now, "", revision, lateness, None)
    return Step(Act.REMOVE, key, "no longer declared", latest.schedule, None), _change(lineage, contract, key, ())


def _change(lineage: Lineage, contract: Contract, key: str, keys: tuple[str, ...]) -> Change:
    return Change(
        lineage.lineage, lineage.version, lineage.fence, lineage.decided_until, lineage.wake_at, key, pause=lineage.pause,
        contracts=(contract,), keys=keys,
    )  # fmt: skip
