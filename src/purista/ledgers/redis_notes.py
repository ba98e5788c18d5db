"""The notes of the Redis ledger. Letters are not among them: what carries messages keeps those."""

from __future__ import annotations

import json
from collections.abc import Sequence

from purista.ledgers.base import WorkerSeen
from purista.ledgers.notes import DeadLetter, Heard, Letter, RecentCall
from purista.redis.server import Server

__all__ = ["RedisNotes"]

_SEPARATOR = "\x1f"


class RedisNotes:
    """:class:`~purista.ledgers.notes.Notes` of one open server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def keys(self) -> list[str]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        found = await self._hash("keys")
        current = {
            key: await self._server.do("HGET", self._server.name("l", lineage), "key") for key, lineage in found.items()
        }
        return sorted(found, key=lambda key: (current[key] != key, key))

    async def recent_calls(self, lineage: str) -> list[RecentCall]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        calls: list[RecentCall] = []
        for key in await self._keys_of(lineage):
            texts = await self._server.do("LRANGE", self._server.name("recent", key), 0, -1)
            calls += [RecentCall(*json.loads(text)) for text in texts]
        return sorted(calls, key=lambda call: -call.at)

    async def counted(self, lineage: str, day: str) -> dict[str, int]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        keys, found = set(await self._keys_of(lineage)), dict[str, int]()
        for field, count in (await self._hash("calls")).items():
            key, its_day, answer = field.split(_SEPARATOR)
            if key in keys and its_day == day:
                found[answer] = found.get(answer, 0) + int(count)
        return dict(sorted(found.items()))

    async def last_decision(self, lineage: str | None = None) -> Heard | None:
        """See :class:`~purista.ledgers.notes.Notes`. Of the hundred newest occurrences."""
        zset = self._server.name("h") if lineage is None else self._server.name("t", lineage)
        newest: Heard | None = None
        for member in await self._server.do("ZREVRANGE", zset, 0, 99):
            id_, _, its = member.partition(_SEPARATOR)
            text = await self._server.do("HGET", self._server.name("o", its or lineage or ""), id_)
            if text is not None:
                row = json.loads(text)
                heard = Heard(row[14], row[15])
                newest = heard if newest is None or heard.at > newest.at else newest
        return newest

    async def last_counted(self) -> int | None:
        """See :class:`~purista.ledgers.notes.Notes`."""
        times: list[int] = []
        for key in await self._server.do("SMEMBERS", self._server.name("called")):
            texts = await self._server.do("LRANGE", self._server.name("recent", key), 0, 0)
            times += [json.loads(text)[0] for text in texts]
        return max(times, default=None)

    async def workers(self, addresses: Sequence[str]) -> dict[str, list[WorkerSeen]]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        found: dict[str, list[WorkerSeen]] = {address: [] for address in addresses}
        for field, at in (await self._hash("workers")).items():
            address, worker = field.split(_SEPARATOR)
            if address in found:
                found[address].append(WorkerSeen(address, worker, int(at)))
        return {address: sorted(seen, key=lambda one: -one.seen_at) for address, seen in found.items()}

    async def letters(self, ids: Sequence[str]) -> dict[str, Letter]:  # noqa: ARG002 - none are here
        """See :class:`~purista.ledgers.notes.Notes`."""
        return {}

    async def dead(self, address: str | None, limit: int) -> list[DeadLetter]:  # noqa: ARG002 - none are here
        """See :class:`~purista.ledgers.notes.Notes`."""
        return []

    async def requeue(self, ids: Sequence[str], now: int) -> list[str]:  # noqa: ARG002 - none are here
        """See :class:`~purista.ledgers.notes.Notes`."""
        return []

    async def _hash(self, name: str) -> dict[str, str]:
        found = await self._server.do("HGETALL", self._server.name(name))
        return found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))

    async def _keys_of(self, lineage: str) -> list[str]:
        return [key for key, its in (await self._hash("keys")).items() if its == lineage]
