"""The ledger in Redis: one script compares and sets whole changes; everything else is Python.

Redis promises less than the others: with ``appendonly`` off a restart forgets everything, with ``everysec`` the last second.
What was decided then is decided again. It is for work that may be done twice after a crash of the server.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from purista.clock import Clock
from purista.errors import LedgerError, LedgerMismatch
from purista.ledgers.base import (
    Change,
    Contract,
    Counted,
    LedgerView,
    Lineage,
    Page,
    Query,
    Registration,
    Run,
    RunRef,
    Slice,
)
from purista.ledgers.redis_records import history, purge
from purista.ledgers.redis_writes import Compare, Write, of_change, of_counts, of_registration
from purista.ledgers.rows import contract_from_row, event_of, occurrence_from_row, part_from_row, pause_from_text
from purista.redis.server import Script, Server, clock_of, pairs
from purista.settings import Settings

if TYPE_CHECKING:
    from purista.ledgers.redis_notes import RedisNotes

__all__ = ["RedisLedger"]

CONTRACTS_AT_MOST = 200_000
REGISTRY_TRIES = 20

_COMMIT = Script("""
local together, asked = ARGV[1] == '1', cjson.decode(ARGV[2])
local won = {}
local all = true
for number, one in ipairs(asked) do
  local good = true
  for _, compare in ipairs(one[1]) do
    if (redis.call('HGET', compare[1], compare[2]) or '') ~= compare[3] then good = false end
  end
  won[number] = good and 1 or 0
  all = all and good
end
if together and not all then
  for number in ipairs(asked) do won[number] = 0 end
  return won
end
local touched = {}
for number, one in ipairs(asked) do
  local free = true
  for _, compare in ipairs(one[1]) do
    if touched[compare[1] .. '/' .. compare[2]] then free = false end
  end
  if won[number] == 1 and free then
    for _, compare in ipairs(one[1]) do touched[compare[1] .. '/' .. compare[2]] = true end
    for _, write in ipairs(one[2]) do redis.call(unpack(write)) end
  elseif won[number] == 1 then
    won[number] = 0
  end
end
return won
""")
"""Changes as ``[[compares, writes], …]``. Of two changes that compare the same field the first one wins."""

_LOAD = Script("""
local p, keys, runs = KEYS[1], cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local found, opened, parts = {}, {}, {}
local seen = {}
local function take(lineage, id)
  if seen[id] then return end
  seen[id] = true
  local row = redis.call('HGET', p .. 'o:' .. lineage, id)
  if not row then return end
  opened[#opened + 1] = row
  for _, part in ipairs(redis.call('HVALS', p .. 'p:' .. id)) do parts[#parts + 1] = part end
end
local lineages = {}
for _, key in ipairs(keys) do
  local lineage = redis.call('HGET', p .. 'keys', key)
  if lineage then
    found[#found + 1] = {key, lineage, redis.call('HGETALL', p .. 'l:' .. lineage)}
    if not lineages[lineage] then
      lineages[lineage] = true
      for _, id in ipairs(redis.call('SMEMBERS', p .. 'open:' .. lineage)) do take(lineage, id) end
    end
  end
end
for _, run in ipairs(runs) do
  local lineage = redis.call('HGET', p .. 'id', run[1])
  if lineage and (lineages[lineage] or run[2] == '') then take(lineage, run[1]) end
end
return {found, opened, parts, redis.call('HGETALL', p .. 'meta'), redis.call('TIME')}
""")


class RedisLedger:
    """A :class:`~purista.ledgers.base.Ledger` over a :class:`~purista.redis.server.Server`.

    A claim keeps what its message is made of, until a bridge has confirmed it. ``clock`` None: the server's time.
    ``environment`` None takes whichever the prefix belongs to; ``create=False`` opens only what is there.
    """

    def __init__(
        self, server: Server, *, environment: str | None = "default", clock: Clock | None = None, create: bool = True
    ) -> None:
        self.server = server
        self._create = create
        self._server, self.clock = clock_of(clock)
        self.ledger_id = ""
        self.environment = environment or ""
        self.epoch = 0
        self.transactional = False
        self._wanted = environment
        self._contracts: dict[tuple[str, int], tuple[Contract, ...]] = {}
        self._subscribers: dict[str, tuple[str, ...]] = {}
        self._registry = ""

    @property
    def notes(self) -> RedisNotes:
        """See :class:`~purista.ledgers.base.Ledger`."""
        from purista.ledgers.redis_notes import RedisNotes  # noqa: PLC0415 - people only: no trigger pays for it

        return RedisNotes(self.server)

    async def __aenter__(self) -> RedisLedger:
        await self.server.open()
        try:
            await self._begin()
        except BaseException:
            await self.server.close()
            raise
        return self

    async def losses(self) -> str | None:
        """What a restart of the server would take, in words; None: nothing."""
        return await self.server.losses()

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    @property
    def place(self) -> str:
        """Where it is, in words without secrets."""
        return f"Redis, prefix {self.server.prefix!r}"

    async def peek(self) -> tuple[dict[str, str], float]:
        """What it says about itself, and how many milliseconds a round trip takes. Need not be open; makes nothing."""
        await self.server.open()
        try:
            trips = []
            for _ in range(5):
                began = time.perf_counter()
                meta = await self.server.do("HGETALL", self.server.name("meta"))
                trips.append((time.perf_counter() - began) * 1000)
            lost = await self.server.losses()
        finally:
            await self.server.close()
        found = {**meta, **({} if lost is None else {"losses": lost})}
        return found, sorted(trips)[len(trips) // 2]

    async def restored(self, now: int) -> None:
        """Write down that the database was put back from a copy: what was due before ``now`` (ms) may have run in a life that
        this ledger knows nothing of, and is not made up for unless a person asks."""
        await self.server.do("HSET", self.server.name("meta"), "restored", now)
        self.epoch = now

    def existing(self) -> None:
        """From now on, open only what is there."""
        self._create = False

    async def _made(self) -> None:
        meta = self.server.name("meta")
        if not self._create:
            if await self.server.do("HGET", meta, "ledger_id") is None:
                raise LedgerError(
                    f"expected a ledger under prefix {self.server.prefix!r}, found none; start the service once (purista "
                    "worker or serve), or correct PURISTA_LEDGER"
                )
            return
        environment = self._wanted or Settings.read().environment
        for field, value in (("ledger_id", secrets.token_hex(8)), ("environment", environment), ("registry", "0")):
            await self.server.do("HSETNX", meta, field, value)

    async def _begin(self) -> None:
        await self._made()
        await self.load([])
        if self._wanted is not None and self.environment != self._wanted:
            raise LedgerMismatch(
                f"expected the ledger of environment {self._wanted!r}, got the one of {self.environment!r}: one ledger per "
                f"environment; set PURISTA_ENVIRONMENT={self.environment} or name another prefix"
            )

    async def load(self, keys: Sequence[str], runs: Sequence[RunRef] = ()) -> list[LedgerView | None]:
        """See :meth:`purista.ledgers.base.Ledger.load`."""
        wanted = [[ref.occurrence_id, "" if ref.scheduled_at is None else str(ref.scheduled_at)] for ref in runs]
        found, opened, parts, meta, time = await self.server.run(
            _LOAD, json.dumps(list(dict.fromkeys(keys))), json.dumps(wanted)
        )
        self._learn(pairs(meta), int(time[0]) * 1000 + int(time[1]) // 1000)
        by_run: dict[str, list[Any]] = {}
        for part in sorted((json.loads(text) for text in parts), key=lambda row: row[1]):
            by_run.setdefault(part[0], []).append(part_from_row(part))
        open_: dict[str, list[Run]] = {}
        for row in sorted((json.loads(text) for text in opened), key=lambda r: (r[1], r[4])):
            open_.setdefault(row[0], []).append(Run.of(occurrence_from_row(row), by_run.get(row[4], ())))
        views: dict[str, LedgerView] = {}
        for key, id_, flat in found:
            lineage = await self._lineage(id_, pairs(flat))
            subscribers = await self._subscribed(event_of(lineage))
            views[key] = LedgerView(lineage, tuple(open_.get(id_, ())), subscribers, self.epoch)
        return [views.get(key) for key in keys]

    async def commit(
        self, changes: Sequence[Change], counted: Sequence[Counted] = (), registration: Registration | None = None,
        *, durable: bool = True,  # noqa: ARG002 - Redis knows one kind
    ) -> list[bool]:  # fmt: skip
        """See :meth:`purista.ledgers.base.Ledger.commit`."""
        if counted:
            await self.server.run(_COMMIT, "0", json.dumps([[[], of_counts(self.server, counted)]]))
        if registration is not None:
            return await self._register(changes, registration)
        return await self._send(
            [of_change(self.server, change, self.clock.now()) for change in changes], together=False
        )

    async def _send(self, asked: Sequence[tuple[list[Compare], list[Write]]], *, together: bool) -> list[bool]:
        if not asked:
            return []
        won = await self.server.run(_COMMIT, "1" if together else "0", json.dumps(asked))
        return [bool(one) for one in won]

    async def _register(self, changes: Sequence[Change], registration: Registration) -> list[bool]:
        """Everything together, on the registry that was read: who was faster lets this one read again."""
        for _ in range(REGISTRY_TRIES):
            registry = str(await self.server.do("HGET", self.server.name("meta"), "registry"))
            known = await self.server.do("SMEMBERS", self.server.name("subscriptions"))
            slice_ = of_registration(self.server, registration, registry, set(known))
            asked = [*(of_change(self.server, change, self.clock.now()) for change in changes), slice_]
            won = await self._send(asked, together=True)
            if all(won):
                return won[:-1]
            if registry == str(await self.server.do("HGET", self.server.name("meta"), "registry")):
                return [False] * len(changes)
        return [False] * len(changes)

    async def due(self, limit: int) -> list[str]:
        """See :meth:`purista.ledgers.base.Ledger.due`."""
        name = self.server.name
        found = await self.server.do("ZRANGEBYSCORE", name("wake"), "-inf", self.clock.now(), "LIMIT", 0, limit)
        return [str(await self.server.do("HGET", name("l", lineage), "key")) for lineage in found]

    async def history(self, query: Query) -> Page:
        """See :meth:`purista.ledgers.base.Ledger.history`."""
        return await history(self.server, query)

    async def registered(self) -> list[tuple[Slice, tuple[Lineage, ...]]]:
        """See :meth:`purista.ledgers.base.Ledger.registered`."""
        found = []
        for text in sorted(await self.server.do("HVALS", self.server.name("slices"))):
            service, version, environment, revision, digest, keys, at, replaced = json.loads(text)
            slice_ = Slice(service, version, environment, revision, digest, tuple(keys), at, tuple(replaced))
            views = await self.load(slice_.keys)
            found.append((slice_, tuple(view.lineage for view in views if view is not None)))
        return found

    async def purge(self, before: int, limit: int, *, payloads_only: bool = False) -> int:
        """See :meth:`purista.ledgers.base.Ledger.purge`."""
        return await purge(self.server, before, limit, payloads_only=payloads_only)

    def _learn(self, meta: dict[str, str], now: int) -> None:
        self._server.told(now)
        self.ledger_id, self.environment = meta.get("ledger_id", ""), meta.get("environment", "")
        self.epoch = int(meta.get("restored", 0))
        if meta.get("registry") != self._registry:
            self._subscribers.clear()
            self._registry = meta.get("registry", "")

    async def _lineage(self, id_: str, fields: dict[str, str]) -> Lineage:
        seq = int(fields["seq"])
        contracts = self._contracts.get((id_, seq))
        if contracts is None:
            texts = await self.server.do("LRANGE", self.server.name("c", id_), 0, -1)
            contracts = tuple(contract_from_row(json.loads(text)) for text in texts)
            if len(self._contracts) > CONTRACTS_AT_MOST:
                self._contracts.clear()
            self._contracts[id_, seq] = contracts
        wake = fields.get("wake_at", "")
        return Lineage(
            id_, fields["key"], int(fields["version"]), int(fields["fence"]), int(fields["decided_until"]), contracts,
            pause_from_text(fields.get("pause") or None), int(wake) if wake else None,
        )  # fmt: skip

    async def _subscribed(self, event: str | None) -> tuple[str, ...]:
        if event is None:
            return ()
        known = self._subscribers.get(event)
        if known is None:
            registry = self._registry
            known = tuple(sorted(await self.server.do("SMEMBERS", self.server.name("s", event))))
            if registry == self._registry:
                self._subscribers[event] = known
        return known


def day_of(at: int) -> str:
    """The day of an instant (ms), UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
