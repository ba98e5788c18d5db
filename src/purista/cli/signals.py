"""Signals and log lines of commands that run until they are told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from purista.cli.exits import INTERRUPTED
from purista.cli.output import safe
from purista.clock import to_iso

__all__ = ["Stopping", "logging_to_stderr", "on_signals"]

log = logging.getLogger("purista.worker")


class Stopping:
    """Set by the first signal; the second one leaves at once: leases and permits run out, messages come again."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self._event = asyncio.Event()
        self._leave = leave

    def signalled(self, name: str) -> None:
        """A signal came."""
        if not self._event.is_set():
            log.info("%s: taking nothing new, waiting for handlers in work; a second signal stops at once", name)
            self._event.set()
            return
        log.warning("%s again: stopped at once; unfinished messages come again", name)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._leave(INTERRUPTED)

    def stop(self) -> None:
        """As if a first signal had come."""
        self._event.set()

    @property
    def stopping(self) -> bool:
        """Whether it is time to stop."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Until it is time to stop."""
        await self._event.wait()


@contextmanager
def on_signals(stopping: Stopping) -> Iterator[None]:
    """SIGINT and SIGTERM end the work in order. To be entered inside the event loop, in the main thread."""
    loop = asyncio.get_running_loop()
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        name = signal.Signals(number).name
        try:
            loop.add_signal_handler(number, stopping.signalled, name)
        except NotImplementedError:  # Windows
            before[number] = signal.signal(
                number, lambda *_, name=name: loop.call_soon_threadsafe(stopping.signalled, name)
            )
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            if number in before:
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)


class _Lines(logging.Formatter):
    """Time (UTC), level, logger and message on one line; tracebacks below it."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{to_iso(int(record.created * 1000))} {record.levelname.lower()} {record.name}: {safe(record.getMessage())}"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": to_iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("action", "key", "address", "delivery"):
            if hasattr(record, name):
                found[name] = str(getattr(record, name))
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found)


@contextmanager
def logging_to_stderr(*, as_json: bool, level: int = logging.INFO) -> Iterator[None]:
    """Log lines on stderr for as long as this lasts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Lines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
