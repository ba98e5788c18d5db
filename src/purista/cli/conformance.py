"""``purista conformance``: a scheduler's dialect held against the corpus, one of ours by its name or somebody else's."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from purista.cli.adapters import ADAPTERS
from purista.cli.exits import CONFIG, OK, PROBLEMS, USAGE, Stop
from purista.cli.output import Cell, Output, Row, iso
from purista.cli.when import utc
from purista.conformance import Case, Outcome, Verdict, cases, conform, rules
from purista.conformance.judge import Make
from purista.errors import InvalidTimezone
from purista.recurrence import get_zone
from purista.schedulers.base import Dialect

__all__ = ["conformance"]

SHOWN = 10
_STYLES = {Outcome.MISSED: "bold red", Outcome.BROKEN: "bold red", Outcome.REFUSED: "yellow"}


def conformance(out: Output, scheduler: str, *, only: Sequence[str], host_zone: str) -> int:
    """Judge every case, show them by rule; 1 where something due is missed without a word.

    :raises Stop: no such scheduler, rule or zone.
    """
    make, among = _made(scheduler), _among(only)
    try:
        get_zone(host_zone)
    except InvalidTimezone as error:
        raise Stop(USAGE, f"--host-zone: {error}") from None
    verdicts = []
    with out.counted(f"{scheduler}:", len(among)) as step:
        for verdict in conform(make, among, host_zone=host_zone):
            verdicts.append(verdict)
            step(verdict.case.rule)
    if out.as_json:
        out.document(_document(scheduler, host_zone, verdicts))
    else:
        _show(out, verdicts)
    return PROBLEMS if any(one.failed for one in verdicts) else OK


def _among(only: Sequence[str]) -> list[Case]:
    known = [rule.id for rule in rules()]
    for one in only:
        if one not in known:
            raise Stop(USAGE, f"--rule: expected one of {', '.join(known)}, got {one!r}")
    return [case for case in cases() if not only or case.rule in only]


def _made(scheduler: str) -> Make:
    if scheduler in ADAPTERS:
        return ADAPTERS[scheduler].dialect
    module, colon, attribute = scheduler.partition(":")
    if not (module and colon and attribute):
        raise Stop(USAGE, f"expected one of {', '.join(ADAPTERS)}, or module:attribute, got {scheduler!r}")
    return _factory(_imported(module, attribute), scheduler)


def _imported(module: str, attribute: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".", maxsplit=1)[0] != error.name.split(".")[0]:
            raise  # the module is there and fails itself: its own error says more
        raise Stop(CONFIG, f"expected a module {module!r} here or installed, found none") from None
    for name in attribute.split("."):
        found = getattr(found, name, None)
    return found


def _factory(found: Any, reference: str) -> Make:
    """A dialect as it is, a function without parameters, or one that is told from when on and the host's zone."""
    if not isinstance(found, type) and hasattr(found, "compile") and hasattr(found, "predict"):
        dialect: Dialect = found
        return lambda _now, _zone: dialect
    if not callable(found):
        raise Stop(
            CONFIG, f"expected a dialect or a function that makes one at {reference}, got {type(found).__name__}"
        )
    needed = [
        one
        for one in inspect.signature(found).parameters.values()
        if one.default is one.empty and one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
    ]
    if len(needed) not in {0, 2}:
        raise Stop(CONFIG, f"expected {reference}() or {reference}(now, host_zone), got {len(needed)} parameters")
    made: Callable[..., Dialect] = found
    return made if needed else lambda _now, _zone: made()


def _show(out: Output, verdicts: Sequence[Verdict]) -> None:
    by_rule: list[Row] = [_row(rule.id, [one for one in verdicts if one.case.rule == rule.id]) for rule in rules()]
    out.table(
        ["rule", "cases", "passed", "extra calls", "late", "missed", "refused", "skipped"],
        [row for row in by_rule if row[1] != "0"],
    )
    counts = Counter(one.outcome for one in verdicts)
    for outcome in (Outcome.MISSED, Outcome.BROKEN):
        found = [one for one in verdicts if one.outcome is outcome]
        for one in found[:SHOWN]:
            out.line(f"{outcome}: {one.case.id}: {_what(one)}", _STYLES[outcome])
            out.line(f"  {one.case.expression!r} in {one.case.timezone}. {one.case.explanation}")
        if len(found) > SHOWN:
            out.line(f"… and {len(found) - SHOWN} more; --json has them all")
    for said, count in Counter(one.said for one in verdicts if one.outcome is Outcome.REFUSED).most_common(SHOWN):
        out.line(f"refused, {count}×: {said}", _STYLES[Outcome.REFUSED])
    if counts[Outcome.SKIPPED]:
        out.line(f"{counts[Outcome.SKIPPED]} skipped: this machine's tz database has other changes of clocks there")
    failed = any(one.failed for one in verdicts)
    named = ", ".join(f"{counts[one]} {one}" for one in Outcome if counts[one])
    out.line(f"{len(verdicts)} case{'' if len(verdicts) == 1 else 's'}: {named}", "red" if failed else "green")


def _row(rule: str, verdicts: Sequence[Verdict]) -> list[str | Cell]:
    counts = Counter(one.outcome for one in verdicts)
    late, latest = sum(one.late for one in verdicts), max((one.latest for one in verdicts), default=0)
    failed = counts[Outcome.MISSED] + counts[Outcome.BROKEN]
    return [
        rule, str(len(verdicts)), str(counts[Outcome.PASSED]), str(sum(one.extra for one in verdicts)),
        f"{late} (up to {latest} s)" if late else "0", Cell(str(failed), "bold red" if failed else ""),
        str(counts[Outcome.REFUSED]), str(counts[Outcome.SKIPPED]),
    ]  # fmt: skip


def _what(one: Verdict) -> str:
    if one.outcome is Outcome.BROKEN:
        return one.said
    shown = ", ".join(utc(at * 1000) for at in one.missed[:3])
    return f"nothing calls in time for {shown}{' …' if len(one.missed) > 3 else ''}"


def _document(scheduler: str, host_zone: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    counts = Counter(one.outcome for one in verdicts)
    return {
        "scheduler": scheduler, "hostZone": host_zone, "ok": not any(one.failed for one in verdicts),
        "cases": len(verdicts), **{str(one): counts[one] for one in Outcome},
        "rules": [
            {"rule": rule.id, "words": rule.words, **_sums([one for one in verdicts if one.case.rule == rule.id])}
            for rule in rules()
        ],
        "verdicts": [_verdict(one) for one in verdicts if one.outcome is not Outcome.PASSED],
    }  # fmt: skip


def _sums(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(one.outcome for one in verdicts)
    return {
        "cases": len(verdicts), **{str(one): counts[one] for one in Outcome},
        "calls": sum(one.calls for one in verdicts), "extraCalls": sum(one.extra for one in verdicts),
        "late": sum(one.late for one in verdicts), "latestSeconds": max((one.latest for one in verdicts), default=0),
    }  # fmt: skip


def _verdict(one: Verdict) -> dict[str, Any]:
    return {
        "case": one.case.id, "rule": one.case.rule, "outcome": str(one.outcome), "said": one.said,
        "missed": [iso(at * 1000) for at in one.missed], "explanation": one.case.explanation,
    }  # fmt: skip
