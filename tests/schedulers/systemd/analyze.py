"""systemd's own reading: its calendar, and its unit files. It needs no running systemd."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import needed

DAY = 86_400
_ELAPSE = re.compile(
    r"(?:Next elapse|Iter. #\d+|Iteration #\d+|\(in UTC\)): +\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
)


def analyzer() -> str:
    """The program; skips on a laptop without it, fails in CI."""
    binary = shutil.which("systemd-analyze")
    if binary is None:
        needed("systemd-analyze (apt-get install systemd)")
    return str(binary)


def _run(arguments: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]} | more
    return subprocess.run([analyzer(), *arguments], capture_output=True, text=True, check=False, env=environment)


def calendar(line: str, base: int, count: int, *, host: str = "UTC") -> list[int]:
    """The next elapses of a line after an instant, as systemd on a host in some zone finds them."""
    if not count:
        return []
    shown = f"{datetime.fromtimestamp(base, UTC):%Y-%m-%d %H:%M:%S} UTC"
    ran = _run(["calendar", f"--iterations={count}", f"--base-time={shown}", line], TZ=host)
    assert ran.returncode == 0 or "deadlock" in ran.stderr, ran.stderr
    found = (datetime.strptime(text, "%Y-%m-%d %H:%M:%S") for text in _ELAPSE.findall(ran.stdout))
    return list(dict.fromkeys(int(at.replace(tzinfo=UTC).timestamp()) for at in found))


def stuck_after(line: str, base: int) -> bool:
    """Whether systemd gives up."""
    shown = f"{datetime.fromtimestamp(base, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "deadlock" in _run(["calendar", f"--base-time={shown}", line]).stderr


def normal_forms(lines: Iterable[str]) -> list[str]:
    """How systemd writes lines."""
    ran = _run(["calendar", "--iterations=0", *lines])
    assert ran.returncode == 0, ran.stderr
    return re.findall(r"Normalized form: (.*)", ran.stdout)


def verify(files: Mapping[str, str], folder: Path) -> tuple[str, dict[str, dict[str, list[str]]]]:
    """What ``systemd-analyze verify`` has to say about units (nothing, if they are good), and how it read each of them."""
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    paths = [str(folder / name) for name in files]
    ran = _run(["verify", "--man=no", *paths])
    said = f"{ran.stdout}{ran.stderr}{ran.returncode or ''}"
    dump = _run(["verify", "--man=no", *paths], SYSTEMD_LOG_LEVEL="debug").stdout
    return said, {name: read for name, read in _units(dump) if name in files}


def _units(dump: str) -> Iterable[tuple[str, dict[str, list[str]]]]:
    for block in re.split(r"(?m)^\s*-> Unit ", dump)[1:]:
        name, _, rest = block.partition(":\n")
        read: dict[str, list[str]] = {}
        for line in rest.split("\n"):
            key, _, value = line.strip("\t ").partition(": ")
            read.setdefault(key, []).append(value)
        yield name, read


def arguments(shown: str) -> list[str]:
    """The words of a command line as the dump shows them: quoted where needed, a backslash before what the shell knows."""
    words, rest = [], shown
    while rest:
        found = re.match(r'"((?:[^"\\]|\\.)*)"(?: |$)|([^ "]*)(?: |$)', rest)
        assert found, rest
        words.append(found[2] if found[1] is None else re.sub(r"\\(.)", r"\1", found[1]))
        rest = rest[found.end() :]
    return words
