"""A crontab → contracts: a user's own, or one with a user column as ``/etc/crontab`` and ``/etc/cron.d`` have it.

cron's meaning of the five fields is purista's. What a line has beside them is not a schedule's business and goes into the
worker: the command with its ``%``, shell, environment and user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from purista.importers.base import Collector, Imported, Kind, NotCarried, one_line
from purista.importers.command import as_command, as_name, prelude
from purista.importers.literal import call, literal
from purista.recurrence import Cron

__all__ = ["import_crontab"]

# "0 5 * * * A=1 x" is a job: a name never begins with a digit, a star or an @.
_ENVIRONMENT = re.compile(r"""(?P<quote>["']?)(?P<name>[A-Za-z_]\w*)(?P=quote)\s*=\s*(?P<value>.*)""")
_JOB = re.compile(r"(@\w+|[-\d*]\S*(?:\s+[\w*/,~?#-]+){4})\s+\S")
_OURS = re.compile(r"-m purista trigger|\bpurista trigger\b")
_DECADE = (1_767_225_600, 2_082_758_400)  # 2026 to 2035: whether the zone still changes its clocks
_SECRET = re.compile("passw|pwd|secret|token|credential|api_?key", re.IGNORECASE)
_POLICIES = {"concurrency_policy": "allow", "missed_run_policy": "skip"}


@dataclass(slots=True)
class _State:
    """What the lines so far have set for those below them."""

    environment: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


def import_crontab(text: str, *, timezone: str, user: bool = False, source: str = "crontab") -> Imported:
    """Every line of ``text``. ``timezone`` is the zone of its machine; ``user`` says that it has a user column."""
    into, state = Collector("crontab"), _State()
    for number, raw in enumerate(text.split("\n"), 1):
        line, where = raw.strip(), f"line {number}"
        if not line:
            state.comments.clear()
        elif line.startswith("#"):
            _comment(line, where, state, into)
        elif assignment := _ENVIRONMENT.fullmatch(line):
            _environment(assignment["name"], _unquoted(assignment["value"]), where, state, into)
        else:
            _job(line, where, state, into, timezone=timezone, user=user)
            state.comments.clear()
    _in_general(into, state, timezone)
    return into.done(f"a crontab ({one_line(source)})", prelude=prelude(users=user), worker="max_attempts=1")


def _comment(line: str, where: str, state: _State, into: Collector) -> None:
    body = line.lstrip("# \t")
    if _JOB.match(body):
        into.find(Kind.LOST, "", where, f"a line that is commented out: {one_line(body)[:120]}", "remove its # first")
    elif body:
        state.comments.append(one_line(body))


def _environment(name: str, value: str, where: str, state: _State, into: Collector) -> None:
    state.environment[name] = value
    state.comments.clear()
    if name == "MAILTO" and value:
        message = f"MAILTO={value}: nothing is mailed; what a command prints is in the worker's log"
        into.find(Kind.LOST, "", where, one_line(message), "watch `purista history`")
    elif _SECRET.search(name):
        message = f"{name} looks like a secret, and is in the module now"
        into.find(Kind.DIFFERENT, "", where, message, "take it out, and put it into the worker's environment")
    elif name == "RANDOM_DELAY":
        message = f"RANDOM_DELAY={value}: cronie's random delay is not written"
        into.find(Kind.LOST, "", where, one_line(message), f"write jitter_window=timedelta(minutes={value or 5})")


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _job(line: str, where: str, state: _State, into: Collector, *, timezone: str, user: bool) -> None:
    columns = (1 if line.startswith("@") else 5) + int(user)
    parts = line.split(None, columns)
    command = parts[columns] if len(parts) > columns else ""
    name = into.name(as_name(command) or where.replace(" ", ""))
    with into.job(name, where):
        if not command:
            wanted = "five fields" + (", a user" if user else "") + " and a command"
            raise NotCarried(
                f"expected {wanted}, got {one_line(line)[:80]!r}", "write them all, or --user for a user column"
            )
        if _OURS.search(command):
            raise NotCarried("the line calls purista already", "remove it from the import")
        zone = state.environment.get("CRON_TZ") or timezone
        given = parts[columns - 1] if user else None
        schedule = into.carry(
            name, Cron(" ".join(parts[: columns - int(user)])), timezone=zone, options=_POLICIES, source=line, where=where,
            body=_body(command, state, given, name, where, into), description=" ".join(state.comments),
        )  # fmt: skip
        if "CRON_TZ" in state.environment:
            fixed = isinstance(schedule.expression, Cron) and not schedule.expression.is_wildcard
            changes = fixed and zone != timezone and bool(schedule.recurrence().special_days(*_DECADE))
            _foreign_zone(into, name, where, zone, timezone, changes=changes)


def _foreign_zone(into: Collector, name: str, where: str, zone: str, host: str, *, changes: bool) -> None:
    """CRON_TZ: who obeys it, and what cronie does with it that the zone's own cron would not."""
    message = (
        f"CRON_TZ={zone} is obeyed by cronie alone; Debian's cron ignores it and was due in the machine's zone ({host})"
    )
    into.find(Kind.DIFFERENT, name, where, message, f"write timezone={literal(host)} if Debian's cron ran it")
    if changes:
        message = (
            "when the clocks change, cronie left out a time that does not exist and ran one that comes twice both times"
        )
        into.find(
            Kind.DIFFERENT, name, where, f"{message}; it is due once each now", "nothing, if once is what you want"
        )


def _body(command: str, state: _State, user: str | None, name: str, where: str, into: Collector) -> tuple[str, ...]:
    """The call of ``sh`` that does what the line did."""
    text, stdin = as_command(command)
    environment = {k: v for k, v in state.environment.items() if k not in _NOT_FOR_COMMANDS}
    shell = environment.pop("SHELL", "/bin/sh")
    if user is not None:
        message = f"cron ran it as {one_line(user)}; the worker can only if it is that user, or root"
        into.find(Kind.DIFFERENT, name, where, message, "run `purista worker` as that user, or leave user= out")
    options = {"stdin": (stdin, ""), "shell": (shell, "/bin/sh"), "env": (environment, {}), "user": (user, None)}
    return tuple(call("sh", text, **{key: value for key, (value, usual) in options.items() if value != usual}))


_NOT_FOR_COMMANDS = frozenset(
    {"CRON_TZ", "MAILTO", "MAILFROM", "RANDOM_DELAY", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"}
)


def _in_general(into: Collector, state: _State, timezone: str) -> None:
    """What holds for every line."""
    if not into.jobs:
        return
    for kind, message, fix in _about_cron(mailed="MAILTO" not in state.environment, timezone=timezone):
        into.find(kind, "", "", message, fix)


def _about_cron(*, mailed: bool, timezone: str) -> Iterator[tuple[Kind, str, str]]:
    message = f"a crontab does not name its zone: {timezone} was written for lines without CRON_TZ"
    yield Kind.CHOSEN, message, "say --timezone if that is not the zone of the machine it comes from"
    message = "cron has no policies: concurrency_policy='allow' and missed_run_policy='skip' are what it did"
    yield Kind.CHOSEN, message, "write 'forbid' where two at a time are wrong, 'runOnce' where a missed one matters"
    message = (
        "cron ignores exit codes; one that is not 0 now ends the run as failed. It is not tried again (max_attempts=1)"
    )
    yield Kind.DIFFERENT, message, "write max_attempts=3, say, where trying again is safe"
    if mailed:
        message = "cron mails what a command prints to the crontab's owner; now it is in the worker's log"
        yield Kind.LOST, message, "watch `purista history`"
