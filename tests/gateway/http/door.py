"""A house with an HTTP gateway in front of it, and callers who sign, carry tokens, or pretend to."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from purista.auth.credentials import Bearer, Credential, Signer
from purista.auth.grant import Grant, Scope
from purista.auth.secret import Secret
from purista.auth.tokens import hash_of
from purista.auth.webhook import sign
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.gateway.http.server import serve
from tests.gateway.house import KEY, House, house

OLD, NEW = (base64.b64encode(bytes(range(start, start + 32))) for start in (0, 100))
TOKEN = "tok-0123456789-abcdefghijklmnopqrstuvwxyz"
NARROW = "narrow-0123456789-abcdefghijklmnopqrstuv"
TRIGGER = f"/schedules/{KEY}/trigger"


def secret(raw: bytes, name: str = "env:TEST") -> Secret:
    return Secret(b"whsec_" + raw, name)


def signer(*raw: bytes, id: str = "cron-host", schedules: tuple[str, ...] = ("s/*",), scopes: Any = None) -> Signer:
    grant = Grant(id=id, schedules=schedules, scopes=frozenset(scopes or Scope))
    return Signer(grant, tuple(secret(one) for one in raw or (OLD,)))


def bearer(
    token: str, *, id: str = "ops", schedules: tuple[str, ...] = ("*",), scopes: Any = None, **rest: Any
) -> Bearer:
    return Bearer(
        Grant(id=id, schedules=schedules, scopes=frozenset(scopes or Scope), **rest), (hash_of(token.encode()),)
    )


def usual() -> tuple[Credential, ...]:
    return (signer(), bearer(TOKEN), bearer(NARROW, id="narrow", schedules=("other/1/*",), scopes=[Scope.TRIGGER]))


@dataclass
class Door:
    """What a test sends through the door."""

    house: House
    app: HttpGateway
    client: httpx.AsyncClient

    def signed(
        self, body: bytes, *, id: str = "msg-1", at: int | str | None = None, raw: bytes = OLD, **headers: str
    ) -> dict[str, str]:
        """Headers of a request that is signed now, or at a time (s)."""
        now = self.house.clock.now() // 1000 if at is None else at
        signature = sign(base64.b64decode(raw), id, now, body)  # type: ignore[arg-type]
        return {
            "content-type": "application/json", "webhook-id": id, "webhook-timestamp": str(now),
            "webhook-signature": signature,
        } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip

    async def trigger(self, *, id: str = "msg-1", **words: Any) -> httpx.Response:
        """A signed trigger, as ``purista trigger`` sends it."""
        body = self.body(**words)
        return await self.client.post(TRIGGER, content=body, headers=self.signed(body, id=id))

    async def post(self, operation: str, *, id: str = "msg-1", key: str = KEY, **words: Any) -> httpx.Response:
        body = json.dumps({"schedule": key, "operation": operation, **words}).encode()
        return await self.client.post(f"/schedules/{key}/{operation}", content=body, headers=self.signed(body, id=id))

    async def bear(self, token: str | bytes, path: str = TRIGGER, **options: Any) -> httpx.Response:
        value = token if isinstance(token, bytes) else token.encode()
        return await self.client.request(
            options.pop("method", "POST"), path, headers=[(b"authorization", b"Bearer " + value)], **options
        )

    @staticmethod
    def body(**words: Any) -> bytes:
        return json.dumps({"schedule": KEY, "operation": "trigger", **words}).encode()

    async def published(self) -> int:
        return sum(row.decision == "published" for row in await self.house.rows())

    def letters(self) -> int:
        """Messages in the mail."""
        return int(self.house.bridge.file.read(lambda c: c.execute("SELECT count(*) FROM mail").fetchone()[0]))

    def written(self) -> int:
        """How often this process wrote into the ledger."""
        return self.house.bridge.file.counters.operations


@asynccontextmanager
async def door(
    *, credentials: tuple[Credential, ...] | None = None, start: str = "09:30", config: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Door]:  # fmt: skip
    """Opened in process, without a socket."""
    async with house(start=start, **options) as inside:
        settings = GatewayConfig(credentials=usual() if credentials is None else credentials, **(config or {}))
        app = HttpGateway(inside.bridge.gateway, settings)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Door(inside, app, client)


@asynccontextmanager
async def listening(app: HttpGateway) -> AsyncIterator[tuple[str, int]]:
    """The app behind a real socket."""
    stop, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    object.__setattr__(app.config, "port", 0)
    task = asyncio.create_task(serve(app, stop.wait(), told=lambda host, port: bound.set_result((host, port))))
    await asyncio.wait([bound, task], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield bound.result()
    finally:
        stop.set()
        await task
