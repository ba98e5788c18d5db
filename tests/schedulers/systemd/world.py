"""A systemd for tests: it is told by the same commands, keeps links and timers, and remembers what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from purista.schedulers.base import Owner
from purista.schedulers.systemd.control import SystemdControl
from purista.schedulers.systemd.dialect import SystemdDialect
from purista.schedulers.systemd.place import Place
from purista.schedulers.systemd.systemctl import Ran

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
OWNER = Owner("user", "production", "ledger-1")


def place(**options: object) -> Place:
    base: dict[str, object] = {
        "command": ("/usr/bin/env", "python3", "-m", "purista"), "ledger": "/var/lib/p.db", "now": NOW, "user": "root",
        "single_host": True,
    }  # fmt: skip
    return Place(**(base | options))  # type: ignore[arg-type]


def dialect(**options: object) -> SystemdDialect:
    return SystemdDialect(place(**options))


class Systemd:
    """``loaded`` is what it read last, ``running`` which timers run with which text. ``fail`` names a verb that fails."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wants = folder, folder / "timers.target.wants"
        self.told: list[tuple[str, ...]] = []
        self.loaded: dict[str, str] = {}
        self.running: dict[str, str] = {}
        self.fail = ""

    def control(self, **options: object) -> SystemdControl:
        return SystemdControl(self.folder, dialect(), run=self, booted=self.folder, **options)  # type: ignore[arg-type]

    def __call__(self, argv: Sequence[str]) -> Ran:
        assert argv[0] == "systemctl"
        verb, *rest = [word for word in argv[1:] if not word.startswith("--")]
        self.told.append((verb, *rest))
        if verb == self.fail:
            return Ran(1, f"Failed to {verb}: it was told to")
        return getattr(self, f"_{verb.replace('-', '_')}")(rest)

    def _daemon_reload(self, _: list[str]) -> Ran:
        self.loaded = {p.name: p.read_text("utf-8", "replace") for p in self.folder.glob("*.timer")}
        return Ran(0)

    def _enable(self, names: list[str]) -> Ran:
        self.wants.mkdir(exist_ok=True)
        for name in names:
            if name not in self.loaded:
                return Ran(1, f"Failed to enable unit: Unit file {name} does not exist.")
            link = self.wants / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder / name)
            self.running[name] = self.loaded[name]
        return Ran(0)

    def _try_restart(self, names: list[str]) -> Ran:
        self.running |= {name: self.loaded[name] for name in names if name in self.running}
        return Ran(0)

    def _disable(self, names: list[str]) -> Ran:
        for name in names:
            if not (self.folder / name).exists():
                return Ran(1, f"Failed to disable unit: Unit file {name} does not exist.")
            (self.wants / name).unlink(missing_ok=True)
            self.running.pop(name, None)
        return Ran(0)

    def _clean(self, _: list[str]) -> Ran:
        return Ran(1, "not there")

    def _reset_failed(self, _: list[str]) -> Ran:
        return Ran(1, "not loaded")
