"""Rules to instants, beside what people use instead: ratios of rows that took turns in one process.

    python bench/bench_recurrence.py [--quick] [--json]

Each round asks every contestant once per expression, one after the other; a ratio is taken inside a round, the median of the
rounds is shown with its spread (lowest to highest), and a table ends with the geometric mean of its rows.
``>1`` means purista is faster.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recurrence_peers import DENSE, EXPRESSIONS, SPARSE, ZONES, Peers

from purista.recurrence import Cron, Recurrence, cron_days, zone

PACKAGES = ("cronsim", "croniter", "croniter-rs", "apscheduler", "celery")
# measure → columns: (title, whose time is divided, by which time of ours)
MEASURES: dict[str, list[tuple[str, str, str]]] = {
    "single: `next_after`, one after the other": [(peer, peer, "purista") for peer in (
        "cronsim", "croniter", "apscheduler", "celery", "croniter-rs",
    )] + [("cronsim, we asked in UTC", "cronsim", "in utc")],
    "fresh: parse and first occurrence": [("cronsim", "fresh cronsim", "fresh")],
    "bulk: `timestamps`": [
        ("cronsim", "cronsim", "timestamps"), ("cronsim, cold", "cronsim", "timestamps cold"),
        ("croniter-rs", "croniter-rs", "timestamps"), ("croniter-rs `get_next_n`", "croniter-rs n", "timestamps"),
    ],
    "`between`: aware datetimes": [("cronsim", "cronsim", "between")],
}  # fmt: skip
SINGLE, FRESH, BULK, BETWEEN = MEASURES


def timed(work: Callable[[Any], Any], count: Any, per: int | None = None) -> float:
    """Microseconds per occurrence of one call."""
    begin = time.perf_counter()
    work(count)
    return (time.perf_counter() - begin) / (per or count) * 1e6


def repeated(work: Callable[[], Any], least: float = 2e-3) -> float:
    """Seconds per call, of as many calls as fill a little time."""
    calls, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < least:
        work()
        calls += 1
    return took / calls


def size(expression: str, *, quick: bool) -> int:
    if expression in DENSE:
        return 2_000
    return 30 if expression == "0 0 29 2 *" else 60 if quick else 120


def disagreeing(peers: Peers, truth: list[datetime]) -> list[str]:
    """Who does not find our instants; croniter-rs knows no zones, so only its wall clock is looked at."""

    def wall(found: list[datetime]) -> list[datetime]:
        return [at.replace(tzinfo=None, fold=0) for at in found]

    def instants(found: list[datetime]) -> list[Any]:
        return [at.timestamp() for at in found]

    found = []
    for name, work in peers.single().items():
        view = wall if name == "croniter-rs" else instants
        answer = view(work(min(len(truth), 500)))
        if answer != view(truth)[: len(answer)]:
            found.append(name)
    return found


def one_round(peers: Peers, count: int, until: datetime) -> dict[str, float]:
    """Microseconds per occurrence of everybody, taking turns. Slow peers are asked for fewer occurrences."""
    fewer = {name: max(5, count // 10) for name in ("croniter", "apscheduler", "celery")}
    rule, first = peers.rule, peers.first
    gc.collect()
    gc.disable()
    times = {name: timed(work, fewer.get(name, count)) for name, work in peers.single().items()}
    times["in utc"] = timed(peers.ours_in_utc, count)
    times["fresh"] = timed(peers.fresh, 100)
    times["fresh cronsim"] = timed(peers.fresh_cronsim, 100)
    times["timestamps"] = repeated(lambda: rule.timestamps(first, until)) / count * 1e6
    times["timestamps cold"] = min(timed(peers.bulk_cold, until, count) for _ in range(3))
    times["between"] = repeated(lambda: rule.between(first, until)) / count * 1e6
    times["croniter-rs n"] = timed(peers.croniter_rs_n, count)
    gc.enable()
    return times


class Row:
    """One expression in one zone, and what was measured of it."""

    def __init__(self, expression: str, zone_name: str, *, quick: bool) -> None:
        self.peers, self.count = Peers(expression, zone_name), size(expression, quick=quick)
        self.truth = self.peers.ours(self.count)
        self.peers.in_utc = [self.peers.start.astimezone(UTC), *(at.astimezone(UTC) for at in self.truth)]
        self.until = self.truth[-1] + timedelta(seconds=1)
        rule, first = self.peers.rule, self.peers.first
        assert rule.between(first, self.until) == self.truth
        assert len(rule.timestamps(first, self.until)) == self.count
        self.times: dict[str, list[float]] = defaultdict(list)

    def take_a_turn(self) -> None:
        for name, value in one_round(self.peers, self.count, self.until).items():
            self.times[name].append(value)

    def result(self) -> dict[str, Any]:
        times = self.times
        return {
            "expression": self.peers.expression,
            "zone": self.peers.zone,
            "means something else": disagreeing(self.peers, self.truth),
            "us": {name: statistics.median(values) for name, values in times.items()},
            "ratios": {
                measure: {title: spread(times[theirs], times[ours]) for title, theirs, ours in columns}
                for measure, columns in MEASURES.items()
            },
        }


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """Round by round through all rows, so that a busy moment of the machine spoils one round of some and not all of one."""
    rows = [Row(expression, name, quick=quick) for name in ZONES for expression in EXPRESSIONS]
    for _ in range(5 if quick else 11):
        for row in rows:
            row.take_a_turn()
    return [row.result() for row in rows]


def spread(theirs: list[float], ours: list[float]) -> dict[str, float]:
    values = [a / b for a, b in zip(theirs, ours, strict=True)]
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def geometric(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


RARITY = (
    ("* * * * *", "every minute"), ("0 * * * *", "every hour"), ("0 0 * * *", "every day"), ("0 0 * * 1", "every week"),
    ("0 0 1 * *", "every month"), ("0 0 1 1 *", "every year"), ("0 0 29 2 1", "29 February or a Monday in February"),
    ("0 0 29 2 *", "every 4 years"), ("0 0 29 2 */7", "29 February and a Sunday: every 28 years"),
)  # fmt: skip


def rarity(*, quick: bool) -> list[dict[str, Any]]:
    """One question, by how rarely a rule is due."""
    at_random = random.Random(1)
    instants = [at_random.randrange(0, 4_000_000_000) for _ in range(1_000)]
    return [
        {"expression": expression, "due": due, "zone": zone_name}
        | {
            what: statistics.median(work() for _ in range(3 if quick else 7)) * 1e6
            for what, work in _questions(expression, zone_name, instants).items()
        }
        for expression, due in RARITY
        for zone_name in ZONES
    ]


def _questions(expression: str, zone_name: str, instants: list[int]) -> dict[str, Callable[[], float]]:
    """Seconds per question: in order, out of order, and the very first one of a rule."""
    rule = Recurrence(Cron(expression), timezone=zone_name)
    ask, walk = rule.next_timestamp, [0]
    while len(walk) < 1_000 and (at := ask(walk[-1])) is not None:
        walk.append(at)

    def first() -> float:
        rules = [Recurrence(Cron(expression), timezone=zone_name) for _ in instants]
        begin = time.perf_counter()
        for one, instant in zip(rules, instants, strict=True):
            one.next_timestamp(instant)
        return (time.perf_counter() - begin) / len(rules)

    return {
        "in order us": lambda: repeated(lambda: [ask(at) for at in walk]) / len(walk),
        "scattered us": lambda: repeated(lambda: [ask(at) for at in instants]) / len(instants),
        "first us": first,
    }


def once() -> dict[str, float]:
    """What is paid once per process: the table of a zone, and the days of a rare rule for all years."""

    def zone_read() -> None:
        zone._table.cache_clear()
        zone.zone_table("Europe/Berlin")

    def days() -> None:
        for table in (cron_days._shape, cron_days._shapes):
            table.cache_clear()
        cron_days.days_between(Cron("0 0 29 2 *"), 0, 80_000)

    return {"zone table ms": repeated(zone_read) * 1e3, "days of a rare rule ms": repeated(days) * 1e3}


def targets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was promised, what came out; the worst row is named."""

    def of(measure: str, title: str, expressions: tuple[str, ...] = EXPRESSIONS) -> list[tuple[float, str]]:
        return [
            (row["ratios"][measure][title]["median"], f"`{row['expression']}` {row['zone']}")
            for row in rows
            if row["expression"] in expressions
        ]

    def line(what: str, aim: float, figures: list[tuple[float, str]], *, mean: bool = False) -> dict[str, Any]:
        got, worst = min(figures)
        got = geometric([figure for figure, _ in figures]) if mean else got
        return {"target": what, "aim": aim, "got": got, "worst": worst, "met": got >= aim}

    single, bulk = of(SINGLE, "cronsim"), of(BULK, "cronsim")
    return [
        line("single, cronsim: geometric mean", 3, single, mean=True),
        line("single, cronsim: every row", 1, single),
        line("single, cronsim, we asked in UTC: geometric mean", 3, of(SINGLE, "cronsim, we asked in UTC"), mean=True),
        line("single, cronsim, we asked in UTC: every row", 1, of(SINGLE, "cronsim, we asked in UTC")),
        *(line(f"single, cronsim: `{rare}`", 20, of(SINGLE, "cronsim", (rare,))) for rare in ("0 0 29 2 *", "0 0 13 * FRI")),
        line("bulk, cronsim: every row", 20, bulk),
        line("bulk, croniter-rs: dense rows", 5, of(BULK, "croniter-rs", DENSE)),
        line("bulk, croniter-rs: sparse rows", 1, of(BULK, "croniter-rs", SPARSE)),
        line("bulk, croniter-rs `get_next_n`: dense rows", 5, of(BULK, "croniter-rs `get_next_n`", DENSE)),
        line("bulk, croniter-rs `get_next_n`: sparse rows", 1, of(BULK, "croniter-rs `get_next_n`", SPARSE)),
        line("between, cronsim: every row", 10, of(BETWEEN, "cronsim")),
        line("fresh, cronsim: every row", 1.5, of(FRESH, "cronsim")),
    ]  # fmt: skip


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "python": platform.python_version(), "system": platform.platform(), "cpu": models[0] if models else platform.machine(),
        "cores": len(models), "versions": {name: version(name) for name in PACKAGES},
    }  # fmt: skip


def show(result: dict[str, Any]) -> None:
    facts = result["machine"]
    print(f"Python {facts['python']}, {facts['system']}, {facts['cores']} × {facts['cpu']}")
    print(", ".join(f"{name} {number}" for name, number in facts["versions"].items()), end="\n\n")
    for measure, columns in MEASURES.items():
        for zone_name in ZONES:
            print(f"### {measure}, {zone_name}\n")
            show_table([row for row in result["rows"] if row["zone"] == zone_name], measure, columns)
    print("≠: finds other instants on this row, so the work is not the same.\n\n### Targets\n")
    print("| target | aim | got | |\n|---|---:|---:|---|")
    for row in result["targets"]:
        verdict = f"met; lowest {row['worst']}" if row["met"] else f"missed: {row['worst']}"
        print(f"| {row['target']} | ≥ {row['aim']:g} | {row['got']:.2f} | {verdict} |")
    print("\n### Cost of one question, by rarity (`next_timestamp`)\n")
    print("| expression | due | zone | in order µs | scattered µs | first question µs |\n|---|---|---|---:|---:|---:|")
    for row in result["rarity"]:
        figures = " | ".join(f"{row[what]:.2f}" for what in ("in order us", "scattered us", "first us"))
        print(f"| `{row['expression']}` | {row['due']} | {row['zone']} | {figures} |")
    print("\nPaid once in a process:", ", ".join(f"{name} {value:.2f}" for name, value in result["once"].items()))


def show_table(rows: list[dict[str, Any]], measure: str, columns: list[tuple[str, str, str]]) -> None:
    print(
        f"| expression | ours µs | {' | '.join(title for title, *_ in columns)} |\n|---|---:|{'---:|' * len(columns)}"
    )
    for row in rows:
        cells = []
        for title, theirs, _ in columns:
            ratio, mark = row["ratios"][measure][title], " ≠" if theirs in row["means something else"] else ""
            cells.append(f"{ratio['median']:.1f}{mark} ({ratio['min']:.1f}–{ratio['max']:.1f})")
        print(f"| `{row['expression']}` | {row['us'][columns[0][2]]:.2f} | {' | '.join(cells)} |")
    means = []
    for title, *_ in columns:
        medians = [row["ratios"][measure][title]["median"] for row in rows]
        means.append(f"**{geometric(medians):.1f}** ({min(medians):.1f}–{max(medians):.1f})")
    print(f"| geometric mean (rows' spread) | | {' | '.join(means)} |\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer occurrences and rounds")
    parser.add_argument("--json", action="store_true", help="figures for machines")
    options = parser.parse_args()
    rows = measure(quick=options.quick)
    result = {
        "machine": machine(), "rows": rows, "targets": targets(rows), "rarity": rarity(quick=options.quick), "once": once(),
    }  # fmt: skip
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
