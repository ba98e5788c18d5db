"""How a run ended, by the records: for schedulers that wait for it."""

from __future__ import annotations

from typing import Any

import pytest

from purista.schedulers.base import CallKind
from purista.schedulers.ended import ended_in, page_of

AT = 1_767_225_600_000


def row(decision: str, run: str | None, **rest: Any) -> dict[str, Any]:
    usual = {"class": "scheduled", "request": None, "scheduledAt": "2026-01-01T00:00:00.000Z"}
    return {**usual, "decision": decision, "run": run, **rest}


@pytest.mark.parametrize(
    ("decision", "run", "said"),
    [
        ("published", "open", None),
        ("published", "finished", (True, "finished")),
        ("published", "failed", (False, "failed")),
        ("published", "timed_out", (False, "timed_out")),
        ("published", "superseded", (False, "superseded")),
        ("published", None, (True, "published")),  # to subscribers that nobody counts
        ("held", None, None),  # waits for its turn
        ("claimed", None, None),
        ("coalesced", None, (True, "coalesced")),
        ("late", None, (True, "late")),
        ("paused", None, (True, "paused")),
        ("skipped_overlap", None, (True, "skipped_overlap")),
    ],
)
def test_each_way_to_end(decision: str, run: str | None, said: tuple[bool, str] | None) -> None:
    assert ended_in([row(decision, run)], CallKind.SCHEDULED, at=AT) == said


def test_only_the_run_that_was_meant_counts() -> None:
    others = [
        row("published", "failed", scheduledAt="2026-01-01T01:00:00.000Z"), row("published", "failed", **{"class": "replay"}),
        row("published", "failed", **{"class": "manual", "request": "another"}),
    ]  # fmt: skip
    assert ended_in(others, CallKind.SCHEDULED, at=AT) == (True, "not recorded")
    mine = row("published", "finished", **{"class": "manual", "request": "wish"})
    assert ended_in([*others, mine], CallKind.MANUAL, at=None, request="wish") == (True, "finished")
    assert ended_in(others, CallKind.REPLAY, at=AT) == (False, "failed")


def test_a_row_may_stand_for_a_stretch() -> None:
    stretch = row("missed", None, scheduledAt="2025-12-31T00:00:00.000Z", lastScheduledAt="2026-01-02T00:00:00.000Z")
    assert ended_in([stretch], CallKind.SCHEDULED, at=AT) == (True, "missed")


def test_a_backfill_of_what_ran_is_ended_by_that_run() -> None:
    assert ended_in([row("published", "open")], CallKind.REPLAY, at=AT) is None
    assert ended_in([row("published", "finished")], CallKind.REPLAY, at=AT) == (True, "finished")
    replay = row("published", "open", **{"class": "replay"})
    assert ended_in([row("published", "failed"), replay], CallKind.REPLAY, at=AT) is None, "its own comes first"


def test_records_are_asked_for_by_their_instant() -> None:
    """However many there are since: a busy schedule pushes none off the page."""
    assert page_of(AT) == "limit=100&since=2026-01-01T00:00:00.000Z&until=2026-01-01T00:00:00.001Z"
    assert page_of(None) == "limit=100"
