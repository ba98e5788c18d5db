"""The owner's unit files as they stand, and how they are exchanged: atomically, each read back."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from purista.errors import RegistrationError, RegistrationMismatch
from purista.schedulers.base import LiveEntry, Owner
from purista.schedulers.systemd.dialect import owner_prefix
from purista.schedulers.systemd.text import SUFFIXES, Mark, digest_of, read_mark

__all__ = ["LiveUnit", "read_text", "read_units", "sweep_up", "sync_folder", "write"]

MODE = 0o644


@dataclass(slots=True)
class LiveUnit:
    """The files of one name that carry the owner's mark, by suffix."""

    name: str
    texts: dict[str, str] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def entry(self) -> LiveEntry:
        """Without a digest when a file is missing or was edited."""
        whole = all(suffix in self.texts for suffix in SUFFIXES)
        digest = digest_of(*(self.texts[suffix] for suffix in SUFFIXES)) if whole else None
        good = digest is not None and {mark.digest for mark in self.marks} == {digest}
        return LiveEntry(
            self.name, digest if good else None, "".join(self.texts[s] for s in SUFFIXES if s in self.texts)
        )


def read_units(directory: Path, owner: Owner) -> Mapping[str, LiveUnit]:
    """The owner's units by name. Files of such names without the owner's mark are nobody's of ours.

    :raises RegistrationError: they belong to another ledger, or cannot be read.
    """
    found: dict[str, LiveUnit] = {}
    prefix = owner_prefix(owner)
    try:
        paths = sorted(p for p in directory.iterdir() if p.name.startswith(prefix) and p.suffix in SUFFIXES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RegistrationError(f"cannot read {directory}: {error}") from error
    for path in paths:
        text = read_text(path)
        mark = None if text is None else read_mark(text)
        if text is None or mark is None or (mark.service, mark.environment) != (owner.service, owner.environment):
            continue
        _check_ledger(path, mark, owner)
        unit = found.setdefault(path.stem, LiveUnit(path.stem))
        unit.texts[path.suffix] = text
        unit.marks.append(mark)
    return found


def read_text(path: Path) -> str | None:
    """What a regular file says; None for a link, a folder, and what is gone.

    :raises RegistrationError: it may not be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistrationError(f"cannot read {path}: {error}") from error


def _check_ledger(path: Path, mark: Mark, owner: Owner) -> None:
    if mark.ledger != owner.ledger_id:
        raise RegistrationError(
            f"{path} belongs to ledger {mark.ledger}, this is ledger {owner.ledger_id}: two ledgers would each decide on "
            "their own; point PURISTA_LEDGER to the first, or disable and remove the owner's units if that ledger is gone"
        )


def write(path: Path, text: str) -> None:
    """Write beside it under a hidden name, which systemd passes over; then rename; then read again.

    :raises RegistrationMismatch: what was read is not what was written.
    """
    content = text.encode()
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    if path.read_bytes() != content:
        raise RegistrationMismatch(f"{path} does not hold what was written to it")


def sync_folder(directory: Path) -> None:
    """Make names durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_up(directory: Path, owner: Owner) -> None:
    """What processes left that were killed while they wrote."""
    for path in directory.glob(f".{owner_prefix(owner)}*.tmp"):
        with suppress(OSError):  # it does no harm there, and the next one may have the right to
            path.unlink()
