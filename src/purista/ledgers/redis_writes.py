"""What a change writes in Redis: commands on texts, composed here and carried out by one script."""

from __future__ import annotations

import json
from collections.abc import Sequence

from purista.clock import to_iso
from purista.ledgers.base import Change, Counted, OccurrenceRow, Registration
from purista.ledgers.rows import contract_to_row, occurrence_to_row, part_to_row, pause_to_text
from purista.redis.server import Server

__all__ = ["Compare", "Write", "of_change", "of_counts", "of_registration"]

Compare = list[str]
"""Hash, field, and what it must be (empty: not there)."""
Write = list[str]
"""A command with its arguments."""
RECENT_CALLS = 20
_SEPARATOR = "\x1f"


def of_change(server: Server, change: Change, now: int) -> tuple[list[Compare], list[Write]]:
    """What must hold for a change, and what it then writes."""
    name, lineage = server.name, change.lineage
    place = name("l", lineage)
    fresh = change.create and change.expected == 0
    compare = [[place, "version", "" if fresh else str(change.expected)]]
    wake = "" if change.wake_at is None else str(change.wake_at)
    writes: list[Write] = [
        ["HSET", place, "version", str(change.expected + 1), "key", change.key, "fence", str(change.fence), "decided_until",
         str(change.decided_until), "wake_at", wake, "pause", pause_to_text(change.pause) or ""],
        ["ZADD", name("wake"), wake, lineage] if wake else ["ZREM", name("wake"), lineage],
    ]  # fmt: skip
    seq = max((contract.seq for contract in change.contracts), default=0)
    if fresh or seq:
        writes.append(["HSET", place, "seq", str(seq)])
    for row in change.rows:
        writes += _of_row(server, lineage, row)
    for part in change.parts:
        if not part.untouched:
            writes.append(["HSET", name("p", part.run), part.part, json.dumps(part_to_row(lineage, part))])
    writes += [["RPUSH", name("c", lineage), json.dumps(contract_to_row(lineage, c))] for c in change.contracts]
    writes += [["HSET", name("keys"), key, lineage] for key in change.keys]
    writes += [["RPUSH", name("audit"), json.dumps([now, lineage, *entry])] for entry in change.audit]
    return compare, writes


def _of_row(server: Server, lineage: str, row: OccurrenceRow) -> list[Write]:
    name, id_, at = server.name, row.occurrence_id, str(row.scheduled_at)
    everywhere, ended = f"{id_}{_SEPARATOR}{lineage}", row.open == 0
    writes = [
        ["HSET", name("o", lineage), id_, json.dumps(occurrence_to_row(lineage, row))],
        ["HSET", name("id"), id_, lineage], ["ZADD", name("t", lineage), at, id_], ["ZADD", name("h"), at, everywhere],
        ["SADD" if row.open == 2 else "SREM", name("open", lineage), id_],
        ["ZADD", name("ended"), str(row.decided_at), everywhere] if ended else ["ZREM", name("ended"), everywhere],
        ["ZADD", name("full"), str(row.decided_at), everywhere]
        if ended and row.payload is not None
        else ["ZREM", name("full"), everywhere],
    ]  # fmt: skip
    if row.count > 1:
        writes.append(["ZADD", name("long"), at, everywhere])
    if row.idempotency_key is not None:
        writes.append(["SADD", name("i", lineage, row.idempotency_key), id_])
    return writes


def of_counts(server: Server, counted: Sequence[Counted]) -> list[Write]:
    """Calls that decided nothing."""
    writes: list[Write] = []
    for call in counted:
        day = to_iso(call.at)[:10]
        writes.append(["HINCRBY", server.name("calls"), _SEPARATOR.join((call.key, day, call.answer)), "1"])
        writes.append(["LPUSH", server.name("recent", call.key), json.dumps([call.at, call.answer, call.detail])])
        writes.append(["LTRIM", server.name("recent", call.key), "0", str(RECENT_CALLS - 1)])
        writes.append(["SADD", server.name("called"), call.key])
    return writes


def of_registration(
    server: Server, registration: Registration, registry: str, known: set[str]
) -> tuple[list[Compare], list[Write]]:
    """The slice and its subscriptions, on the registry that was read."""
    name = server.name
    wanted = {json.dumps([event, at]) for event, found in registration.subscriptions.items() for at in found}
    gone = {pair for pair in known - wanted if _owned(json.loads(pair)[1], registration.subscribers)}
    writes: list[Write] = [["HSET", name("meta"), "registry", str(int(registry or 0) + 1)]]
    for pair in sorted(gone):
        event, address = json.loads(pair)
        writes += [["SREM", name("subscriptions"), pair], ["SREM", name("s", event), address]]
    for pair in sorted(wanted):
        event, address = json.loads(pair)
        writes += [["SADD", name("subscriptions"), pair], ["SADD", name("s", event), address]]
    slice_ = registration.slice
    if slice_ is not None:
        field = _SEPARATOR.join((slice_.service, slice_.version, slice_.environment))
        value = json.dumps([
            slice_.service, slice_.version, slice_.environment, slice_.revision, slice_.digest, slice_.keys,
            slice_.registered_at, slice_.replaced,
        ])  # fmt: skip
        writes.append(["HSET", name("slices"), field, value])
    return [[name("meta"), "registry", registry]], writes


def _owned(address: str, owners: Sequence[str]) -> bool:
    return any(address == one or (one.endswith("/") and address.startswith(one)) for one in owners)
