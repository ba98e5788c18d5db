"""A crontab's command: its ``%``, a name for it, and the Python that runs it as cron did."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

__all__ = ["as_command", "as_name", "prelude"]

_PERCENT = re.compile(r"(\\?)%")
_WRAPPERS = frozenset({
    "(", "[", "[[", "ash", "bash", "busybox", "cd", "chronic", "dash", "env", "exec", "flock", "ionice", "ksh", "nice", "node",
    "nohup", "perl", "php", "python", "python2", "python3", "ruby", "run-one", "setsid", "sh", "sudo", "test", "time",
    "timeout", "true", "zsh", "{",
})  # fmt: skip
_NAME = re.compile(r"^(?!\d+[smhd]?$|.*\.(lock|pid)$).*[A-Za-z]")  # not a duration, not the file that flock holds
_ENDINGS = frozenset({".sh", ".bash", ".py", ".pl", ".rb", ".php", ".js", ".jar"})


def as_command(text: str) -> tuple[str, str]:
    """The command and its standard input: the first bare ``%`` begins it, the others are line breaks, ``\\%`` is a ``%``."""
    lines, last = [""], 0
    for found in _PERCENT.finditer(text):
        lines[-1] += text[last : found.start()]
        if found[1]:
            lines[-1] += "%"
        else:
            lines.append("")
        last = found.end()
    lines[-1] += text[last:]
    stdin = lines[1:]
    return lines[0].strip(), "\n".join([*stdin, ""]) if stdin else ""


def as_name(command: str) -> str:
    """What the command runs, in a word: ``cd /srv && python3 bin/report.py --all`` → ``report``."""
    for part in re.split(r"&&|\|\||[;|]", command):
        for text in _words(part):
            path = PurePosixPath(text)
            plain = path.stem if path.suffix in _ENDINGS else path.name
            if text.startswith("-") or "=" in text or plain in _WRAPPERS or not _NAME.search(plain):
                continue
            if part.strip().startswith(("cd ", "test ", "[")):
                break
            return re.sub("[^A-Za-z0-9]+", "-", plain).strip("-")
    return ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text.replace("\\%", "%"))
    except ValueError:  # a quote that is closed in another part
        return text.replace("'", " ").replace('"', " ").split()


def prelude(*, users: bool) -> str:
    """The function that the workers call; with a user column it knows about users."""
    return SH_AS_USER if users else SH


SH = '''
def sh(
    command: str,
    *,
    stdin: str = "",
    shell: str = "/bin/sh",
    env: dict[str, str] | None = None,
) -> None:
    """Run a command as cron did; an exit code other than 0 fails the run."""
    subprocess.run(
        [shell, "-c", command],
        input=stdin,
        text=True,
        check=True,
        cwd=Path.home(),
        env=os.environ | (env or {}),
    )
'''

SH_AS_USER = '''
def sh(
    command: str,
    *,
    user: str,
    stdin: str = "",
    shell: str = "/bin/sh",
    env: dict[str, str] | None = None,
) -> None:
    """Run a command as cron did, as that user; an exit code other than 0 fails the run."""
    account = pwd.getpwnam(user)
    home = {"HOME": account.pw_dir, "LOGNAME": user, "USER": user}
    other = account.pw_uid != os.getuid()
    subprocess.run(
        [shell, "-c", command],
        input=stdin,
        text=True,
        check=True,
        cwd=account.pw_dir,
        env=os.environ | home | (env or {}),
        user=account.pw_uid if other else None,
        group=account.pw_gid if other else None,
        extra_groups=os.getgrouplist(user, account.pw_gid) if other else None,
    )
'''
