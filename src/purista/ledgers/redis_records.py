"""Reading and forgetting records of the Redis ledger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from purista.clock import to_iso
from purista.ledgers.base import OccurrenceRow, Page, Part, Query, Run
from purista.ledgers.rows import occurrence_from_row, occurrence_to_row, part_from_row
from purista.redis.server import Script, Server

__all__ = ["history", "purge"]

CHUNK = 200
_SEPARATOR = "\x1f"
_EMPTY = Script("""
if redis.call('HGET', KEYS[1] .. 'o:' .. ARGV[1], ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1] .. 'o:' .. ARGV[1], ARGV[2], ARGV[4])
redis.call('ZREM', KEYS[1] .. 'full', ARGV[5])
return 1
""")
_FORGET = Script("""
local p, lineage, id, all = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if not redis.call('ZSCORE', p .. 'ended', all) then return 0 end
redis.call('HDEL', p .. 'o:' .. lineage, id)
redis.call('HDEL', p .. 'id', id)
redis.call('ZREM', p .. 't:' .. lineage, id)
for _, name in ipairs({'h', 'ended', 'full', 'long'}) do redis.call('ZREM', p .. name, all) end
redis.call('DEL', p .. 'p:' .. id)
if ARGV[4] ~= '' then redis.call('SREM', p .. 'i:' .. lineage .. ':' .. ARGV[4], id) end
return 1
""")


async def history(server: Server, query: Query) -> Page:
    """Decided occurrences with the parts of their runs, newest first."""
    found: list[OccurrenceRow] = []
    async for row in _rows(server, query):
        if _wanted(row, query):
            found.append(row)
            if len(found) > query.limit:
                break
    more, found = len(found) > query.limit, found[: query.limit]
    runs = [Run.of(row, await _parts(server, row.occurrence_id)) for row in found]
    return Page(tuple(runs), (found[-1].scheduled_at, found[-1].occurrence_id) if more else None)


async def _rows(server: Server, query: Query) -> AsyncIterator[OccurrenceRow]:
    """Candidates, newest first: by id, by idempotency key, else down the times."""
    lineage = None if query.key is None else await server.do("HGET", server.name("keys"), query.key)
    if query.key is not None and lineage is None:
        return
    if query.occurrence_id is not None:
        ids = [query.occurrence_id]
    elif lineage is not None and query.idempotency_key is not None:
        ids = list(await server.do("SMEMBERS", server.name("i", lineage, query.idempotency_key)))
    else:
        async for row in _down(server, query, lineage):
            yield row
        return
    places = [(id_, lineage or await server.do("HGET", server.name("id"), id_)) for id_ in ids]
    rows = [row for row in await _read(server, [place for place in places if place[1]]) if row]
    for row in sorted(rows, key=lambda r: (r.scheduled_at, r.occurrence_id), reverse=True):
        yield row


async def _down(server: Server, query: Query, lineage: str | None) -> AsyncIterator[OccurrenceRow]:
    """Down the times from the end; then the stretches that began before the start and reach into it."""
    zset = server.name("h") if lineage is None else server.name("t", lineage)
    highest = "+inf" if query.end is None else f"({query.end}"
    if query.before is not None and (query.end is None or query.before[0] < query.end):
        highest = str(query.before[0])
    lowest = "-inf" if query.start is None else str(query.start)
    offset = 0
    while True:
        members = await server.do("ZREVRANGEBYSCORE", zset, highest, lowest, "LIMIT", offset, CHUNK)
        for row in await _read(server, [_place(member, lineage) for member in members]):
            if row is not None:
                yield row
        if len(members) < CHUNK:
            break
        offset += CHUNK
    if query.start is None:
        return
    long = await server.do("ZREVRANGEBYSCORE", server.name("long"), f"({query.start}", "-inf")
    places = [place for member in long if (place := _place(member, None))[1] == lineage or lineage is None]
    for row in await _read(server, places):
        if row is not None and row.last_at >= query.start:
            yield row


def _place(member: str, lineage: str | None) -> tuple[str, str]:
    id_, _, its = member.partition(_SEPARATOR)
    return id_, its or lineage or ""


async def _read(server: Server, places: Sequence[tuple[str, str]]) -> list[OccurrenceRow | None]:
    rows: list[OccurrenceRow | None] = []
    by_lineage: dict[str, list[str]] = {}
    for id_, lineage in places:
        by_lineage.setdefault(lineage, []).append(id_)
    texts: dict[tuple[str, str], str | None] = {}
    for lineage, ids in by_lineage.items():
        for id_, text in zip(ids, await server.do("HMGET", server.name("o", lineage), *ids), strict=True):
            texts[id_, lineage] = text
    for place in places:
        text = texts[place]
        rows.append(None if text is None else occurrence_from_row(json.loads(text)))
    return rows


def _wanted(row: OccurrenceRow, query: Query) -> bool:
    if query.before is not None and (row.scheduled_at, row.occurrence_id) >= query.before:
        return False
    return (
        (query.start is None or row.last_at >= query.start)
        and (query.end is None or row.scheduled_at < query.end)
        and (query.occurrence_id is None or row.occurrence_id == query.occurrence_id)
        and (query.idempotency_key is None or row.idempotency_key == query.idempotency_key)
        and (query.occurrence_class is None or row.occurrence_class == query.occurrence_class)
    )


async def _parts(server: Server, run: str) -> list[Part]:
    texts = await server.do("HVALS", server.name("p", run))
    return [part_from_row(row) for row in sorted((json.loads(text) for text in texts), key=lambda row: str(row[1]))]


async def purge(server: Server, before: int, limit: int, *, payloads_only: bool) -> int:
    """Forget ended records, or what they carried, at most ``limit``; each in an act of its own, so that nobody waits long."""
    zset = server.name("full" if payloads_only else "ended")
    members = await server.do("ZRANGEBYSCORE", zset, "-inf", f"({before}", "LIMIT", 0, limit)
    gone = 0
    for member in members:
        id_, lineage = _place(member, None)
        text = await server.do("HGET", server.name("o", lineage), id_)
        row = None if text is None else occurrence_from_row(json.loads(text))
        if payloads_only and row is not None:
            gone += int(await server.run(_EMPTY, lineage, id_, text, json.dumps(_without(lineage, row)), member))
        elif not payloads_only:
            gone += int(await server.run(_FORGET, lineage, id_, member, (row and row.idempotency_key) or ""))
    return gone if payloads_only else gone + await _purge_notes(server, before)


def _without(lineage: str, row: OccurrenceRow) -> tuple[Any, ...]:
    whole = list(occurrence_to_row(lineage, row))
    whole[19] = None  # the payload
    return tuple(whole)


async def _purge_notes(server: Server, before: int) -> int:
    """Calls that decided nothing, workers that were not seen for long, and what people did."""
    gone, day, name = 0, to_iso(before)[:10], server.name
    for field in await server.do("HKEYS", name("calls")):
        if field.split(_SEPARATOR)[1] < day:
            gone += int(await server.do("HDEL", name("calls"), field))
    for key in await server.do("SMEMBERS", name("called")):
        gone += await _shortened(server, name("recent", key), before)
        if not await server.do("EXISTS", name("recent", key)):
            await server.do("SREM", name("called"), key)  # who calls now is added again with the call itself
    gone += await _shortened(server, name("audit"), before)
    workers = await server.do("HGETALL", name("workers"))
    seen = workers if isinstance(workers, dict) else dict(zip(workers[::2], workers[1::2], strict=True))
    for field, at in seen.items():
        if int(at) < before:
            gone += int(await server.do("HDEL", name("workers"), field))
    return gone


async def _shortened(server: Server, place: str, before: int) -> int:
    """A list of notes that begin with their time (ms), without the older ones."""
    texts = await server.do("LRANGE", place, 0, -1)
    return sum([int(await server.do("LREM", place, 1, text)) for text in texts if json.loads(text)[0] < before])
