"""A gateway in a process of its own, told by lines on its standard input what to do; it answers with lines of JSON.

    python bench/gateway_process.py BROKER LEDGER SCHEDULES PREFIX [PLACE]

``next``: a minute passes. ``decide FIRST LAST CALLERS``: calls for these schedules, so many in flight. ``serve KEY``: listens
on a free port of this machine, one credential, signed with KEY. The end of the input ends it; who started it clears up.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from bench_brokers import Ours


class Gateway:
    """The parent's side: a process, and what it answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def started(cls, row: Ours) -> Gateway:
        """Beside ``row``, which has registered: the same prefix, the same ledger."""
        arguments = (row.broker, row.kind, str(row.schedules), row.prefix, row.place.name)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, *arguments, stdin=pipe, stdout=pipe, limit=1 << 20
        )
        gateway = cls(process)
        await gateway.answer()
        return gateway

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())

    async def answer(self) -> Any:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a gateway process ended; what it wrote is above")
        return json.loads(line)

    async def ask(self, *words: object) -> Any:
        self.tell(*words)
        return await self.answer()

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


async def decide(row: Ours, numbers: Iterable[int], callers: int) -> float:
    """Seconds for a call for each of these, so many in flight."""
    waiting = iter(numbers)

    async def caller() -> None:
        for number in waiting:
            await row.one(number)

    begin = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(callers)])
    return time.perf_counter() - begin


async def serve(row: Ours, key: str, ends: asyncio.Event) -> int:
    """The port that the gateway's ASGI app listens on under uvicorn, as `purista serve` starts it."""
    from purista.auth.credentials import Signer
    from purista.auth.grant import Grant, Scope
    from purista.auth.secret import Secret
    from purista.gateway.http.app import http_gateway
    from purista.gateway.http.config import GatewayConfig
    from purista.gateway.http.limits import Limits
    from purista.gateway.http.server import serve as listen

    grant = Grant(id="bench", schedules=("bench/*",), scopes=frozenset(Scope))
    signer = Signer(grant, (Secret(key.encode(), "env:BENCH"),))
    config = GatewayConfig(credentials=(signer,), port=0, limits=Limits(per_minute=10**9))
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = http_gateway(row.bridge, config=config)
    row.serving = asyncio.create_task(listen(app, ends.wait(), told=lambda _host, port: told.set_result(port)))  # type: ignore[attr-defined]
    return await told


async def obey(row: Ours, words: list[str], ends: asyncio.Event) -> object:
    if words[0] == "next":
        row.next()
        return row.clock.now()
    if words[0] == "decide":
        first, last, callers = map(int, words[1:])
        return await decide(row, range(first, last), callers)
    return await serve(row, words[1], ends)


async def main() -> None:
    broker, ledger, schedules, prefix, *place = sys.argv[1:]
    row, ends = Ours(broker, ledger, int(schedules), prefix, *place), asyncio.Event()
    await row.start()
    print("true", flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await obey(row, line.decode().split(), ends)), flush=True)
    ends.set()
    if hasattr(row, "serving"):
        await row.serving
    await row.instance.stop()


if __name__ == "__main__":
    asyncio.run(main())
