"""Without the library of an extra nothing fails at import, and what is missing is said when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from purista.amqp.link import Link as AmqpLink
from purista.errors import MissingExtra
from purista.jetstream.link import Link as NatsLink
from purista.redis.server import Server


@pytest.mark.parametrize(
    ("library", "extra", "make"),
    [
        ("aiormq", "amqp", lambda: AmqpLink("amqp://127.0.0.1:1/")),
        ("nats", "nats", lambda: NatsLink("nats://127.0.0.1:1")),
        ("redis.asyncio", "redis", lambda: Server("redis://127.0.0.1:1/0")),
    ],
)
async def test_a_missing_library_names_its_extra(
    library: str, extra: str, make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'purista\[{extra}\]'"):
        await make().open()


def test_the_bridges_import_without_their_libraries() -> None:
    """In a process of its own, in which none of them can be imported."""
    import subprocess

    script = (
        "import sys\n"
        "for name in ('aiormq', 'aio_pika', 'nats', 'redis', 'asyncpg', 'starlette', 'jwt'): sys.modules[name] = None\n"
        "import purista.distributed as d, purista.bridges.amqp, purista.bridges.nats\n"
        "import purista.queues.redis, purista.ledgers.redis\n"
        "d.AmqpBridge('amqp://h/', ledger='p.db'); d.NatsBridge('nats://h', ledger='redis://h/0')\n"
        "d.AmqpOutpost('amqp://h/'); d.NatsOutpost('nats://h')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
