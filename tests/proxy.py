"""A TCP proxy for tests: what is between us and a server, and can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["Proxy"]


class Proxy:
    """Listens on ``port`` and forwards to a server until it is cut; ``restore`` lets new connections through again."""

    def __init__(self, host: str, port: int, *, listen: str = "127.0.0.1") -> None:
        self._target = host, port
        self.host = listen
        self._open = True
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.forwarded = 0
        self.cut_after: int | None = None
        self.port = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_open(self) -> bool:
        """Whether it lets anything through."""
        return self._open

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def restore(self) -> None:
        """Let new connections through."""
        self._open, self.cut_after = True, None

    def stall(self) -> None:
        """Forward nothing and break nothing, until ``flow``."""
        self._flows.clear()

    def flow(self) -> None:
        """What has stalled goes on."""
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:  # the server is away
            writer.transport.abort()
            return
        try:
            self._writers |= {writer, back}
            pumps = [asyncio.ensure_future(self._pump(reader, back)), asyncio.ensure_future(self._pump(there, writer))]
            self._tasks.update(pumps)
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                self.forwarded += len(data)
                if self.cut_after is not None and self.forwarded >= self.cut_after:
                    writer.write(data[: len(data) // 2])  # in the middle of a frame
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
