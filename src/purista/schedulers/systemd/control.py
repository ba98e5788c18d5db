"""The owner's units in a folder of systemd's: read, compared, written, and taken up by ``systemctl``.

Nothing without the owner's mark is ever touched. What is right already costs no write and no command. Before the first change
a note is left in the folder of what systemd must be told. It goes when all is done: whoever comes after a crash finishes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from purista.errors import RegistrationError
from purista.schedulers.base import Applied, Compiled, Finding, LiveEntry, Owner
from purista.schedulers.locked import locked
from purista.schedulers.systemd.dialect import SystemdDialect, owner_prefix
from purista.schedulers.systemd.live import LiveUnit, read_text, read_units, sweep_up, sync_folder, write
from purista.schedulers.systemd.preflight import RIGHTS, Surroundings, look
from purista.schedulers.systemd.systemctl import Runner, Systemctl
from purista.schedulers.systemd.text import SUFFIXES, calendars, read_mark

__all__ = ["SystemdControl"]

ZONES = Path("/usr/share/zoneinfo")


@dataclass(frozen=True, slots=True)
class _Note:
    """Timers that systemd has not been told of yet: new ones, and ones that changed."""

    enable: frozenset[str] = frozenset()
    restart: frozenset[str] = frozenset()


class SystemdControl:
    """A :class:`~purista.schedulers.base.Control` over a folder of unit files. Safe for several processes at once.

    ``run`` runs commands; None writes files only, for a folder that this machine's systemd does not read. ``patience`` is how
    many seconds to wait for another process that is writing there.
    """

    def __init__(
        self,
        directory: str | Path,
        dialect: SystemdDialect,
        *,
        run: Runner | None = None,
        user_units: bool = False,
        booted: Path | None = None,
        zones: Path = ZONES,
        patience: float = 60.0,
    ) -> None:
        self.directory = Path(directory)
        self._dialect, self._patience, self._zones, self._user_units = dialect, patience, zones, user_units
        self._systemctl = None if run is None else Systemctl(run, user=user_units)
        self._booted = booted

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply, and what keeps units from calling as they say."""
        user = self._dialect.place.user
        here = Surroundings(self.directory, user, self._user_units, self._systemctl is not None, self._booted)
        return await asyncio.to_thread(look, here)

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """The owner's live entries, by their files. Without a digest: edited, or half of it is missing."""
        return await asyncio.to_thread(lambda: [unit.entry() for unit in read_units(self.directory, owner).values()])

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's units equal to what was compiled: new ones first, then changed ones, then those that go.

        :raises RegistrationError: a file is not ours, cannot be written, or systemd does not take it.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        return await asyncio.to_thread(self._apply, owner, compiled)

    def _apply(self, owner: Owner, compiled: Compiled) -> Applied:
        self._check_zones(compiled)
        try:
            if self._user_units and self._systemctl is not None:
                self.directory.mkdir(parents=True, exist_ok=True)
            with locked(self.directory, self._patience):
                return self._exchange(owner, compiled)
        except FileNotFoundError as error:
            raise RegistrationError(f"expected a folder {self.directory}, found none ({error})") from error
        except PermissionError as error:
            raise RegistrationError(f"this process may not write to {self.directory}; {RIGHTS} ({error})") from error
        except OSError as error:
            raise RegistrationError(f"cannot write to {self.directory}: {error}") from error

    def _exchange(self, owner: Owner, compiled: Compiled) -> Applied:
        sweep_up(self.directory, owner)
        texts, live = self._dialect.render(owner, compiled), read_units(self.directory, owner)
        wanted = {entry.name: entry.digest for entry in compiled.entries}
        there = {name + suffix: text for name, unit in live.items() for suffix, text in unit.texts.items()}
        changed = {name: text for name, text in texts.items() if there.get(name) != text}
        gone = [name for name in live if name not in wanted]
        before, note = {name: unit.entry().digest for name, unit in live.items()}, self._read_note(owner)
        if changed or gone or note is not None:
            self._check_foreign(changed, there)
            self._write(owner, changed, _told(note, changed, there, texts))
            self._remove([live[name] for name in gone])
            self._note_path(owner).unlink(missing_ok=True)
        return Applied(
            created=sum(name not in before for name in wanted),
            updated=sum(name in before and before[name] != digest for name, digest in wanted.items()),
            deleted=len(gone),
            unchanged=sum(before.get(name) == digest for name, digest in wanted.items()),
            written=len(changed) + sum(len(live[name].texts) for name in gone),
        )

    def _write(self, owner: Owner, changed: Mapping[str, str], note: _Note) -> None:
        if self._systemctl is not None:
            told = {"enable": sorted(note.enable), "restart": sorted(note.restart)}
            self._note_path(owner).unlink(missing_ok=True)
            write(self._note_path(owner), json.dumps(told))
        for name in sorted(changed):  # a service comes before its timer
            write(self.directory / name, changed[name])
        sync_folder(self.directory)
        if self._systemctl is not None and (changed or note.enable or note.restart):
            self._systemctl.reload()
            self._systemctl.enable(sorted(note.enable))
            self._systemctl.restart(sorted(note.restart - note.enable))

    def _remove(self, units: Sequence[LiveUnit]) -> None:
        if not units:
            return
        timers = [f"{unit.name}.timer" for unit in units if ".timer" in unit.texts]
        if self._systemctl is not None:
            self._systemctl.disable(timers)
            self._systemctl.clean(timers)
        for unit in units:
            for suffix in reversed(SUFFIXES):
                (self.directory / f"{unit.name}{suffix}").unlink(missing_ok=True)
        sync_folder(self.directory)
        if self._systemctl is not None:
            self._systemctl.reload()
            self._systemctl.forget_failures([unit.name + suffix for unit in units for suffix in SUFFIXES])

    def _check_foreign(self, changed: Mapping[str, str], there: Mapping[str, str]) -> None:
        for name in changed:
            path = self.directory / name
            if name not in there and os.path.lexists(path):
                marked = (text := read_text(path)) is not None and read_mark(text) is not None
                whose = "carries the mark of another owner" if marked else "does not carry our mark"
                raise RegistrationError(f"{path} {whose}: it is left alone; move it away")

    def _check_zones(self, compiled: Compiled) -> None:
        """systemd reads the system's zones only, and drops a line whose zone it does not know."""
        if self._systemctl is None:
            return  # another machine's database
        for zone in {line.zone for entry in compiled.entries for line in calendars(entry.body)} - {"UTC"}:
            if not (self._zones / zone).is_file():
                fix = "install the system's tz database (Debian: tzdata, and tzdata-legacy for old names)"
                raise RegistrationError(
                    f"systemd does not know the zone {zone}: {self._zones / zone} is missing; {fix}"
                )

    def _note_path(self, owner: Owner) -> Path:
        return self.directory / f".{owner_prefix(owner)}unfinished"

    def _read_note(self, owner: Owner) -> _Note | None:
        text = read_text(self._note_path(owner))
        if text is None:
            return None
        try:
            told = json.loads(text)
            return _Note(frozenset(map(str, told["enable"])), frozenset(map(str, told["restart"])))
        except (ValueError, KeyError, TypeError):
            return _Note()


def _told(note: _Note | None, changed: Mapping[str, str], there: Mapping[str, str], texts: Mapping[str, str]) -> _Note:
    """What systemd must be told: of what changes now, and of what a crash left untold."""
    timers = {name for name in texts if name.endswith(".timer")}
    before = note or _Note()
    new = {name for name in changed if name not in there}
    return _Note(frozenset(timers & (new | before.enable)), frozenset(timers & (changed.keys() - new | before.restart)))
