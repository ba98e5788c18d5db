"""A NATS for one test: a prefix of its own, and no stream left behind."""

from __future__ import annotations

import secrets
from typing import Any

from purista.jetstream.link import Link
from tests.services import nats

__all__ = ["Subjects"]


class Subjects:
    """Links under one prefix; ``end`` removes its streams."""

    def __init__(self) -> None:
        self.prefix = f"test{secrets.token_hex(6)}"

    def link(self, **options: Any) -> Link:
        return Link(nats(), prefix=self.prefix, **options)

    async def end(self) -> None:
        import nats as library

        client = await library.connect(nats())
        stream = client.jetstream()
        for info in await stream.streams_info():
            if info.config.name.startswith(self.prefix):
                await stream.delete_stream(info.config.name)
        await client.close()
