"""What is predicted is what the library of the CronJob controller itself finds: robfig/cron, compiled and asked."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from purista.schedulers.kubernetes.robfig import firings
from tests.conftest import needed
from tests.schedulers.kubernetes.world import NOW, TWO_YEARS

SOURCE = Path(__file__).parent / "library/firings.go"
GO_PATH = "/usr/share/gocode"
"""Where Debian's packages of Go libraries put their source."""
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham",
    "America/Havana", "Africa/Cairo", "Asia/Beirut", "Asia/Gaza", "Atlantic/Azores", "America/Santiago", "Europe/Dublin",
    "Asia/Kathmandu", "Antarctica/Troll", "America/St_Johns", "America/Scoresbysund", "Pacific/Easter", "Asia/Tehran",
)  # fmt: skip
FIXED = (
    "0 6 */7 * 1", "0 6 1-31 * 1", "0 6 * * */2",
    "30 2 * * *", "0 0 * * *", "59 23 * * *", "0 */3 * * *", "15 1-4 * * 0", "0 2 29 2 *", "0 0 13 * 5", "0 12 */10 * 1",
    "45 1 25-31 3,10 0", "*/20 0-3 1-7 3,4,9,10,11 *", "0 0 1 1 *", "5 4 * * 1-5", "30 0 */2 * *",
)  # fmt: skip
Question = tuple[str, str, int, int]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled against the library's own source."""
    go = shutil.which("go")
    if go is None or not Path(GO_PATH, "src/github.com/robfig/cron").is_dir():
        needed("Go and robfig/cron (apt-get install golang-go golang-github-robfig-cron-dev)")
    place = tmp_path_factory.mktemp("library")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": GO_PATH,
        "GOCACHE": str(place / "cache"),
        "GOFLAGS": "",
    }
    built = subprocess.run(
        [str(go), "build", "-o", str(place / "firings"), str(SOURCE)], env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return place / "firings"


def asked(library: Path, questions: Sequence[Question]) -> list[list[int]]:
    text = "".join("\t".join(map(str, question)) + "\n" for question in questions)
    found = subprocess.run([library], input=text, capture_output=True, text=True, timeout=600, check=True).stdout
    return [[int(one) for one in line.split()] for line in found.split("\n")[:-1]]


def same(library: Path, questions: Sequence[Question]) -> int:
    total = 0
    for question, theirs in zip(questions, asked(library, questions), strict=True):
        ours = firings(*question)
        assert ours == theirs, f"{question}: {sorted(set(theirs) ^ set(ours))[:5]}"
        total += len(theirs)
    return total


def test_two_years_in_zones_of_every_kind(library: Path) -> None:
    questions = [(text, zone, NOW, TWO_YEARS) for zone in ZONES for text in FIXED]
    assert same(library, questions) > 100_000


def test_schedules_that_nobody_thought_of(library: Path) -> None:
    dice = random.Random(1)
    questions = [(_spec(dice), dice.choice(ZONES), NOW, TWO_YEARS) for _ in range(400)]
    assert same(library, questions) > 10_000


def _spec(dice: random.Random) -> str:
    """Five fields, rather often at the hours at which clocks change."""
    minute = dice.choice(["0", "30", "59", "*/30", f"{dice.randrange(60)}", "15,45"])
    hour = dice.choice(["0", "1", "2", "3", "23", "0-3", "*/6", f"{dice.randrange(24)}"])
    day = dice.choice(["*", "*", f"{dice.randrange(1, 32)}", "25-31", "*/7"])
    month = dice.choice(["*", "*", "3,10", "*/2", f"{dice.randrange(1, 13)}"])
    weekday = dice.choice(["*", "*", "0", "1-5", f"{dice.randrange(7)}"])
    if month == "2" and day.isdigit() and int(day) > 29:
        day = "29"
    return f"{minute} {hour} {day} {month} {weekday}"
