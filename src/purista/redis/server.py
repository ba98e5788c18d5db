"""A place in a Redis that ledger and queue share: opened once, counted; every name under one prefix and in one cluster slot."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

from purista.clock import Clock, SystemClock
from purista.errors import LedgerError, MissingExtra

__all__ = ["Script", "Server", "ServerClock"]

log = logging.getLogger("purista.redis")
PATIENCE = 8.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


class ServerClock(SystemClock):
    """The server's own time: this host's plus what the server was ahead of it when it last said so."""

    def __init__(self) -> None:
        self._ahead = 0

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return super().now() + self._ahead

    def told(self, server_ms: int) -> None:
        """The server's time, just read."""
        self._ahead = server_ms - super().now()


class Script:
    """A Lua script; loaded where the server does not know it yet."""

    def __init__(self, text: str) -> None:
        self.text = text


class Server:
    """``url`` as ``redis://host:6379/0`` or ``rediss://``; it is never shown. ``prefix`` keeps several ledgers apart."""

    def __init__(self, url: str, *, prefix: str = "purista", connections: int = 16) -> None:
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise LedgerError("expected an address like redis://host:6379/0, got another one")
        if not _NAME.fullmatch(prefix):
            raise LedgerError(
                f"expected a prefix of letters, digits, - and _, got {prefix!r:.80}; write prefix='purista'"
            )
        self.prefix = prefix
        self._url, self._connections = url, connections
        self.client: Any = None
        self._users = 0
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Server(prefix={self.prefix!r})"

    def name(self, *parts: str) -> str:
        """The name of a value. The braces put all of them into one slot of a cluster."""
        return f"{{{self.prefix}}}:" + ":".join(parts)

    async def open(self) -> None:
        """Connect. Counted: each ``open`` wants its ``close``.

        :raises LedgerError: the server does not answer, or refuses.
        """
        async with self._turn:
            self._users += 1
            if self._users > 1:
                return
            try:
                self.client = self._made()
                await self.do("PING")
            except BaseException:
                self._users = 0
                client, self.client = self.client, None
                if client is not None:
                    await client.aclose()
                raise

    async def close(self) -> None:
        """Disconnect. Does nothing while others still use it."""
        async with self._turn:
            if self._users == 0:
                return
            self._users -= 1
            if self._users:
                return
            client, self.client = self.client, None
            await client.aclose()

    async def do(self, *command: Any) -> Any:
        """One command.

        :raises LedgerError: the server does not answer, or refuses.
        """
        import redis.exceptions  # noqa: PLC0415 - it is there: the pool is

        try:
            return await self._opened().execute_command(*command)
        except (redis.exceptions.RedisError, OSError) as error:
            raise LedgerError(f"Redis does not answer: {_said(error)}") from error

    async def run(self, script: Script, *arguments: str | int) -> Any:
        """A script, as one act.

        :raises LedgerError: the server does not answer, or refuses; then it may have been done.
        """
        import hashlib  # noqa: PLC0415

        import redis.exceptions  # noqa: PLC0415 - it is there: the pool is

        sha = hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
        try:
            try:
                return await self._opened().execute_command("EVALSHA", sha, 1, self.name(), *arguments)
            except redis.exceptions.NoScriptError:
                return await self._opened().execute_command("EVAL", script.text, 1, self.name(), *arguments)
        except (redis.exceptions.RedisError, OSError) as error:
            raise LedgerError(f"Redis does not answer: {_said(error)}") from error

    async def losses(self) -> str | None:
        """What a restart or crash of the server would take, and what to set; None where it says that it keeps every write."""
        try:
            found: Any = await self.do("CONFIG", "GET", "append*")
        except LedgerError:
            return "whether Redis keeps decisions across a restart is unknown: CONFIG is not allowed"
        pairs = found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
        if pairs.get("appendonly") != "yes":
            return "Redis keeps no decisions across a restart: set appendonly yes"
        if pairs.get("appendfsync") != "always":
            return "a crash of Redis takes the decisions of its last second or more: set appendfsync always"
        return None

    def _opened(self) -> Any:
        if self.client is None:
            raise LedgerError("the connection to Redis is not open")
        return self.client

    def _made(self) -> Any:
        try:
            import redis.asyncio  # noqa: PLC0415 - only who opens one needs it
        except ModuleNotFoundError as error:
            raise MissingExtra("a ledger or queue in Redis", "redis") from error
        try:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                self._url, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE,
                max_connections=self._connections, timeout=PATIENCE,
            )  # fmt: skip
            return redis.asyncio.Redis.from_pool(pool)
        except ValueError:
            raise LedgerError(
                "expected an address like redis://:password@host:6379/0, got one that cannot be read"
            ) from None


def _said(error: BaseException) -> str:
    return re.sub(r"//[^/@]*@", "//…@", f"{type(error).__name__}: {error}")[:500]


def clock_of(clock: Clock | None) -> tuple[ServerClock, Clock]:
    """The server's clock, and the one to go by."""
    server = ServerClock()
    return server, clock or server


def pairs(flat: Sequence[Any]) -> dict[str, str]:
    """What HGETALL gives in a script: names and values in turn."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
