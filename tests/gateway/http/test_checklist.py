"""The security checklist has 44 points: each is a test whose name carries its number, or not applicable yet, and why."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs/http.md"

NOT_YET = {
    18: "no AWS Scheduler ingress yet: nothing reads a Lambda event",
    19: "no AWS Scheduler ingress yet: nothing reads a schedule's ARN",
    20: "no SQS ingress yet: nothing reads a batch",
    21: "no Pub/Sub ingress yet: nothing reads an envelope",
    41: "no Temporal adapter yet: no activity calls the gateway",
}


def test_every_point_is_a_test_or_not_applicable_yet():
    found = set()
    for file in HERE.glob("test_checklist_*.py"):
        for numbers in re.findall(r"^(?:async )?def test_((?:\d\d_)+)", file.read_text("utf-8"), re.MULTILINE):
            found |= {int(number) for number in numbers.split("_") if number}
    assert found == set(range(1, 45)) - set(NOT_YET)


def test_the_page_has_the_same_table():
    table = PAGE.read_text("utf-8").partition("## The security checklist")[2]
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 45))
    for number, _, held in rows:
        reason = NOT_YET.get(int(number))
        assert held == (f"not applicable yet: {reason}" if reason else f"`test_{int(number):02}_`"), number
