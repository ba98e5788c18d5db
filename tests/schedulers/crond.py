"""The real cron daemon for tests: one that runs jobs (``cron_daemon``), or one that only reads files (``complaints``)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import needed

CRON_D = Path("/etc/cron.d")
PID_FILE = Path("/var/run/crond.pid")
LOADED = "Running @reboot jobs"


@contextmanager
def cron_daemon() -> Iterator[Path]:
    """The folder that a running cron daemon reads. Needs root and Debian's cron; skips on a laptop, fails in CI."""
    binary = shutil.which("cron")
    if os.geteuid() != 0 or binary is None or not CRON_D.is_dir():
        needed("root and Debian's cron (apt-get install cron)")
    if _running():
        yield CRON_D
        return
    process = subprocess.Popen([str(binary), "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 5
        while not _running() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, f"cron ended at once with {process.returncode}"
        yield CRON_D
    finally:
        process.terminate()
        process.wait(10)


def _running() -> bool:
    try:
        pid = int(PID_FILE.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return False
    return Path(f"/proc/{pid}/comm").read_text().strip() == "cron"


def complaints(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> list[str]:
    """What Debian's cron has to say about files of cron.d: read at its start, in a folder of its own, ended before it runs any.

    A daemon in a changed root meets no other daemon, no files of the machine, and tells its log to nobody but us.
    """
    binary = shutil.which("cron")
    if os.geteuid() != 0 or binary is None or shutil.which("chroot") is None:
        needed("root and Debian's cron (apt-get install cron)")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _furnish(root, str(binary))
        for name, text in files.items():
            path = root / "etc/cron.d" / name
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            path.chmod((modes or {}).get(name, 0o644))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(root / "dev/log"))
            log.settimeout(20)
            process = subprocess.Popen(["chroot", folder, str(binary), "-f"], stderr=subprocess.PIPE, text=True)
            try:
                return _told(log, process)
            finally:
                process.kill()
                process.communicate()


def _furnish(root: Path, binary: str) -> None:
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    for file in (binary, "/etc/passwd", "/etc/group", *re.findall(r"(/\S+) \(0x", linked)):
        there = root / file.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)
    for name in ("etc/cron.d", "var/run", "run", "dev", "tmp", "var/spool/cron/crontabs"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("etc/crontab", "dev/null"):
        (root / name).touch()


def _told(log: socket.socket, process: subprocess.Popen[str]) -> list[str]:
    found: list[str] = []
    while True:
        try:
            line = log.recv(8192).decode("utf-8", "replace")
        except TimeoutError:
            raise AssertionError(f"cron said nothing more after {found}, exit code {process.poll()}") from None
        if LOADED in line:
            return found
        if "INFO (pidfile" not in line:
            found.append(re.sub(r"^<\d+>.*?cron\[\d+\]: ", "", line))
