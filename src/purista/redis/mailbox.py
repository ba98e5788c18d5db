"""Leased messages in Redis: taken by a script, so that any number of workers share an address.

Not streams: a stream has one order, no instant before which a message is not seen, and counts every delivery as an attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from purista.mail.base import Letter, Look, Settlement, Taken
from purista.redis.server import Script, Server

__all__ = ["RedisMailbox"]

log = logging.getLogger("purista.redis")
POLL_SECONDS = 1.0
"""So often it looks by itself: what becomes visible by time, and what was told while nobody listened."""
REMEMBERED_SECONDS = 7 * 86_400
"""So long an id is known after it was worked."""
_SEPARATOR = "\x1f"
_FIELDS = "'address', 'body', 'lease', 'attempts', 'max_attempts', 'created_at'"

_POST = Script("""
local p, now, fresh = KEYS[1], ARGV[1], {}
for n = 2, #ARGV, 5 do
  local id, address = ARGV[n], ARGV[n + 1]
  if redis.call('EXISTS', p .. 'm:' .. id) == 0 then
    redis.call('HSET', p .. 'm:' .. id, 'address', address, 'body', ARGV[n + 2], 'state', 'ready', 'lease', '', 'attempts', '0',
      'max_attempts', ARGV[n + 4], 'created_at', now)
    redis.call('ZADD', p .. 'r:' .. address, ARGV[n + 3], id)
    redis.call('PUBLISH', p .. 'told', address)
    fresh[#fresh + 1] = id
  end
end
return fresh
""")
_TAKE = Script(f"""
local p, address, taken = KEYS[1], ARGV[1], {{}}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'r:' .. address, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  redis.call('HINCRBY', p .. 'm:' .. id, 'attempts', 1)
  redis.call('HSET', p .. 'm:' .. id, 'lease', ARGV[4])
  redis.call('ZADD', p .. 'r:' .. address, ARGV[5], id)
  taken[#taken + 1] = {{id, redis.call('HMGET', p .. 'm:' .. id, {_FIELDS})}}
end
return taken
""")
_MINE = """
local p, id = KEYS[1], ARGV[1]
local known = redis.call('HMGET', p .. 'm:' .. id, 'lease', 'state', 'address')
if known[1] ~= ARGV[2] or known[2] ~= 'ready' then return 0 end
local address = known[3]
"""
_SETTLE = Script(
    _MINE
    + """
redis.call('ZREM', p .. 'r:' .. address, id)
if ARGV[3] == '' then
  redis.call('HSET', p .. 'm:' .. id, 'state', 'done', 'lease', '')
  redis.call('HDEL', p .. 'm:' .. id, 'body')
  redis.call('EXPIRE', p .. 'm:' .. id, ARGV[5])
else
  redis.call('HSET', p .. 'm:' .. id, 'state', 'dead', 'lease', '', 'reason', ARGV[3], 'died_at', ARGV[4])
  redis.call('ZADD', p .. 'd:' .. address, ARGV[4], id)
end
return 1
"""
)
_RELEASE = Script(
    _MINE
    + """
redis.call('HSET', p .. 'm:' .. id, 'lease', '', 'reason', ARGV[4])
redis.call('HINCRBY', p .. 'm:' .. id, 'attempts', ARGV[5])
redis.call('ZADD', p .. 'r:' .. address, ARGV[3], id)
redis.call('PUBLISH', p .. 'told', address)
return 1
"""
)
_RENEW = Script(
    _MINE
    + """
redis.call('ZADD', p .. 'r:' .. address, ARGV[3], id)
return 1
"""
)
_REQUEUE = Script("""
local p, address, now, back = KEYS[1], ARGV[1], ARGV[2], {}
for n = 3, #ARGV do
  if redis.call('ZREM', p .. 'd:' .. address, ARGV[n]) == 1 then
    redis.call('HSET', p .. 'm:' .. ARGV[n], 'state', 'ready', 'attempts', '0', 'lease', '')
    redis.call('ZADD', p .. 'r:' .. address, now, ARGV[n])
    redis.call('PUBLISH', p .. 'told', address)
    back[#back + 1] = ARGV[n]
  end
end
return back
""")


class RedisMailbox:
    """A :class:`~purista.mail.base.Mailbox` over a :class:`~purista.redis.server.Server`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._told: dict[str, int] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._listener: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop to listen."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait({listener})

    async def post(self, letters: Sequence[Letter], now: int) -> set[str]:
        """Put letters in, as one act; the ids that were new."""
        flat: list[str | int] = [now]
        for letter in letters:
            flat += [letter.id, letter.address, letter.body, letter.visible_at, letter.max_attempts]
        return set(await self._server.run(_POST, *flat)) if letters else set()

    async def look(self, address: str) -> Look:
        """See :class:`~purista.mail.base.Mailbox`. The state comes first: what is told meanwhile counts as a change."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.get_running_loop().create_task(self._listen(), name="redis mail")
        state = address, self._told.get(address, 0)
        first = await self._server.do("ZRANGE", self._server.name("r", address), 0, 0, "WITHSCORES")
        return Look(int(float(_score(first))) if first else None, state)

    async def changed(self, timeout: float, since: Any) -> None:
        """See :class:`~purista.mail.base.Mailbox`."""
        address, count = since
        event = asyncio.Event()
        waiting = self._waiting.setdefault(address, set())
        waiting.add(event)
        try:
            if self._told.get(address, 0) == count:
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), min(timeout, POLL_SECONDS))
        finally:
            waiting.discard(event)

    async def take(self, address: str, limit: int, lease: str, now: int, visibility_ms: int) -> Sequence[Taken]:
        """See :class:`~purista.mail.base.Mailbox`."""
        taken = await self._server.run(_TAKE, address, now, limit, lease, now + visibility_ms)
        return [
            Taken(id_, its, body, its_lease, int(attempts), int(most), int(created))
            for id_, (its, body, its_lease, attempts, most, created) in taken
        ]

    async def settle(self, settlement: Settlement, now: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._mine(
            _SETTLE, settlement.id, settlement.lease, settlement.reason or "", now, REMEMBERED_SECONDS
        )

    async def release(self, taken: Taken, visible_at: int, reason: str | None, *, count: bool) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._mine(_RELEASE, taken.id, taken.lease, visible_at, reason or "", 0 if count else -1)

    async def renew(self, taken: Taken, until: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._mine(_RENEW, taken.id, taken.lease, until)

    async def seen(self, address: str, worker: str, now: int) -> None:
        """See :class:`~purista.mail.base.Mailbox`."""
        await self._server.do("HSET", self._server.name("workers"), f"{address}{_SEPARATOR}{worker}", now)

    async def dead(self, address: str, limit: int) -> list[tuple[str, str, str, int]]:
        """``(id, body, reason, died_at)`` of dead letters, oldest first."""
        found = []
        for id_ in await self._server.do("ZRANGE", self._server.name("d", address), 0, limit - 1):
            body, reason, died = await self._server.do(
                "HMGET", self._server.name("m", id_), "body", "reason", "died_at"
            )
            found.append((id_, body or "", reason or "", int(died or 0)))
        return found

    async def requeue(self, address: str, ids: Sequence[str], now: int) -> list[str]:
        """Bring dead letters back with fresh attempts; the ids that were dead."""
        return sorted(await self._server.run(_REQUEUE, address, now, *ids)) if ids else []

    async def _mine(self, script: Script, *arguments: str | int) -> bool:
        return bool(await self._server.run(script, *arguments))

    async def _listen(self) -> None:
        """Hears of new letters; where it cannot, everybody looks once a second."""
        try:
            async with self._server.client.pubsub() as channel:
                await channel.subscribe(self._server.name("told"))
                self._heard_all()
                async for message in channel.listen():
                    if message["type"] == "message":
                        self._heard(message["data"])
        except Exception as error:  # noqa: BLE001 - whatever it is: the look once a second goes on
            log.warning(
                "cannot listen: %s; looking once a second", type(error).__name__, extra={"action": "listen_failed"}
            )
            await asyncio.sleep(POLL_SECONDS)

    def _heard(self, address: str) -> None:
        self._told[address] = self._told.get(address, 0) + 1
        for event in self._waiting.get(address, ()):
            event.set()

    def _heard_all(self) -> None:
        for address in list(self._waiting):
            self._heard(address)


def _score(first: Any) -> str | float:
    """Of the first member, as either version of the protocol gives it."""
    one = first[0]
    score: str | float = one[1] if isinstance(one, list | tuple) else first[1]
    return score
