"""Being told that the host's clock was set, or that the host slept: a Linux timerfd that every such change cancels.

The event loop sleeps by the monotonic clock, which neither sees: a laptop that slept would call late by up to a look.
Elsewhere there is no such file; there the runner's own look, once a minute, finds out.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress

__all__ = ["FAR", "HostClock"]

_REALTIME, _ABSOLUTE, _CANCEL_ON_SET = 0, 1, 2
FAR = 7_258_118_400
"""Epoch seconds (2200) at which the timer would fire by itself: rules end there."""


class HostClock:
    """Calls ``told`` in the event loop whenever the host's wall clock jumped. ``watching`` False: this host cannot."""

    def __init__(self, told: Callable[[], None], *, at: int = FAR) -> None:
        self._told, self._at = told, at
        self._loop = asyncio.get_running_loop()
        self._descriptor = _open() if sys.platform == "linux" else -1
        if self._descriptor >= 0:
            try:
                _arm(self._descriptor, at)
                self._loop.add_reader(self._descriptor, self._read)
            except (OSError, NotImplementedError):
                self._shut()

    @property
    def watching(self) -> bool:
        """Whether this host can tell."""
        return self._descriptor >= 0

    def close(self) -> None:
        """Watch no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._shut()

    def _read(self) -> None:
        with suppress(OSError):  # ECANCELED: the clock was set
            os.read(self._descriptor, 8)
        try:
            _arm(self._descriptor, FAR)
        except OSError:
            self.close()
        self._told()

    def _shut(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def _open() -> int:
    import ctypes  # noqa: PLC0415 - os.timerfd_create is there from Python 3.13 on

    if ctypes.sizeof(ctypes.c_long) < 8:
        return -1
    try:
        return int(ctypes.CDLL(None).timerfd_create(_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
    except (OSError, AttributeError):
        return -1


def _arm(descriptor: int, at: int) -> None:
    import ctypes  # noqa: PLC0415

    spec = (ctypes.c_long * 4)(0, 0, at, 0)  # interval and value, seconds and nanoseconds each
    if ctypes.CDLL(None).timerfd_settime(descriptor, _ABSOLUTE | _CANCEL_ON_SET, ctypes.byref(spec), None):
        raise OSError("timerfd_settime")
