"""Only one process at a time writes to a folder; waiting for it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from purista.errors import RegistrationError

__all__ = ["locked"]

PAUSE = 0.02


@contextmanager
def locked(path: Path, patience: float) -> Iterator[None]:
    """Hold a lock on a folder or file; a folder is its own lock, so that nothing is left behind there.

    Whoever may read it can hold the lock as well: nobody waits for ever.

    :raises RegistrationError: another process did not give it back within ``patience`` seconds.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _take(descriptor, path, patience)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, patience: float) -> None:
    import fcntl  # noqa: PLC0415 - not on every platform; compiling and predicting work everywhere

    deadline = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise RegistrationError(
                    f"another process has locked {path} for {patience:g} s; find it with `fuser {path}` and end it"
                ) from None
            time.sleep(PAUSE)
