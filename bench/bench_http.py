"""A signed POST through `purista serve`'s app under uvicorn, in a process of its own, beside
the same gateway called in process.

    python bench/bench_http.py [--quick]

Each row decides over RabbitMQ and the ledger that it names, with its own schedules. The client is plain sockets that are kept
open, so that little of what is measured is the client; it shares the machine with the server. In flight: as many connections.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import secrets
import statistics
from collections.abc import Awaitable, Callable
from typing import Any

from bench_brokers import IN_FLIGHT, Ours, in_flight, in_sequence
from gateway_process import Gateway

from purista.auth.webhook import sign

LEDGERS = ("SQLite", "PostgreSQL")


class OverHttp(Ours):
    """The same, asked over a socket: the gateway that decides is in another process."""

    def __init__(self, broker: str, ledger: str, schedules: int) -> None:
        super().__init__(broker, ledger, schedules)
        self.name = f"HTTP: {broker} + {ledger}"

    async def start(self) -> None:
        await super().start()
        self.secret = secrets.token_bytes(32)
        self.gateway = await Gateway.started(self)
        port = await self.gateway.ask("serve", "whsec_" + base64.b64encode(self.secret).decode())
        self.free: list[Any] = [await asyncio.open_connection("127.0.0.1", port) for _ in range(IN_FLIGHT)]

    async def next(self) -> None:  # type: ignore[override]
        self.now = await self.gateway.ask("next") // 1000

    async def one(self, number: int) -> None:
        reader, writer = connection = self.free.pop()
        writer.write(self.request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 202"), head + body
        self.free.append(connection)

    def request(self, number: int) -> bytes:
        key, id_ = self.keys[number], secrets.token_hex(16)
        body = json.dumps({"operation": "trigger", "schedule": key}).encode()
        return (
            f"POST /schedules/{key}/trigger HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nwebhook-id: {id_}\r\nwebhook-timestamp: {self.now}\r\n"
            f"webhook-signature: {sign(self.secret, id_, self.now, body)}\r\n\r\n"
        ).encode() + body

    async def stop(self) -> None:
        for _, writer in self.free:
            writer.close()
        await self.gateway.stop()
        await super().stop()


async def turn(row: Any, measure: Callable[[Any, int], Awaitable[float]], count: int) -> float:
    passed = row.next()
    if passed is not None:
        await passed
    return await measure(_Passed(row), count)


class _Passed:
    """A row whose minute has passed: the measures would let pass another one."""

    def __init__(self, row: Any) -> None:
        self.one = row.one

    def next(self) -> None:
        """Nothing."""


def show(title: str, found: dict[str, list[float]]) -> None:
    print(f"\n{title:<36}{'in process':>12}{'over HTTP':>12}{'ratio':>8}{'spread':>14}")
    for ledger in LEDGERS:
        inside, outside = found[f"purista: RabbitMQ + {ledger}"], found[f"HTTP: RabbitMQ + {ledger}"]
        ratios = [over / own for over, own in zip(outside, inside, strict=True)]
        line = f"{f'RabbitMQ + {ledger}':<36}{statistics.median(inside):>12,.0f}{statistics.median(outside):>12,.0f}"
        print(f"{line}{statistics.median(ratios):>8.2f}{f'{min(ratios):.2f} - {max(ratios):.2f}':>14}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, few, many = (2, 100, 1_000) if quick else (7, 500, 5_000)
    for title, measure, count in (
        ("one after another", in_sequence, few),
        (f"{IN_FLIGHT} in flight", in_flight, many),
    ):
        async with contextlib.AsyncExitStack() as stack:
            rows = [kind("RabbitMQ", ledger, count) for ledger in LEDGERS for kind in (Ours, OverHttp)]
            for row in rows:
                await row.start()
                stack.push_async_callback(row.stop)
            found: dict[str, list[float]] = {row.name: [] for row in rows}
            for row in rows:  # reads contracts, opens connections
                await turn(row, measure, count)
            for _ in range(rounds):
                for row in rows:
                    found[row.name].append(await turn(row, measure, count))
            show(title, found)


if __name__ == "__main__":
    asyncio.run(main())
