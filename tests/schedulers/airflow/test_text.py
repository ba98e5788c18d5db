"""What is written: files that a person reads, that Airflow reads, and that nothing breaks out of."""

from __future__ import annotations

import ast
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from purista.errors import DeclarationError
from purista.recurrence import Cron, Interval, OneShot
from purista.schedulers.airflow import AirflowScheduler
from purista.schedulers.airflow.text import dag_id, file_name, read_file
from purista.schedulers.base import Owner
from tests.schedulers.airflow.world import NOW, OWNER, ask, dialect, schedule

GOLDEN = Path(__file__).parent / "golden"
NASTY = (
    "100%", "it's", "{{ macros }}", "{% raw %}", "a: b", "日本", "--sweep", "#x", '"""', "'''", "\\", "\\N{DASH}", "$(id)",
    "]\nimport os", "x" * 300, "..", "a.b", "a-b", "ẞ", "\u202e", "\x7f",
)  # fmt: skip
CONTRACTS = {
    "monthly": [schedule(Cron("0 2 1 * *"), "Europe/Berlin", "monthlyBillingCycle")],
    "clock-change": [schedule(Cron("30 2 * * *"), "Europe/Berlin", "nightly")],
    "interval": [schedule(Interval(timedelta(minutes=45)), "UTC", "threeQuarters"), schedule(Interval(90), "UTC", "late")],
    "bounded": [schedule(Cron("0 5 * * *"), "UTC", "season", start_ms=(NOW + 86_400) * 1_000, end_ms=(NOW + 864_000) * 1_000)],
    "one-shot": [schedule(OneShot("2026-10-25T00:30:00Z"), "UTC", "once")],
    "nasty-names": [schedule(Cron("0 5 * * *"), "UTC", name) for name in NASTY],
}  # fmt: skip


def text(contracts: str, *, standalone: bool) -> str:
    made = dialect(standalone=standalone)
    (found,) = made.render(OWNER, made.compile(OWNER, CONTRACTS[contracts])).values()
    return found


@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
@pytest.mark.parametrize("standalone", [False, True], ids=["beside-purista", "standalone"])
def test_the_text_is_the_one_that_was_reviewed(contracts: str, standalone: bool) -> None:
    """``PURISTA_GOLDEN=write`` writes it. A standalone file's program is a module of ours: its entries are enough."""
    made = text(contracts, standalone=standalone)
    if standalone and contracts != "monthly":
        made = made[made.index("ENTRIES") : made.index("import base64")]
    path = GOLDEN / f"{contracts}{'-standalone' if standalone else ''}.txt"
    if os.environ.get("PURISTA_GOLDEN") == "write":
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made


@pytest.mark.parametrize("contracts", sorted(CONTRACTS))
@pytest.mark.parametrize("standalone", [False, True], ids=["beside-purista", "standalone"])
def test_it_is_ascii_python_that_is_read_back_as_it_was_written(contracts: str, standalone: bool) -> None:
    made = text(contracts, standalone=standalone)
    assert made.isascii()
    ast.parse(made)
    found = read_file(made)
    assert found is not None
    assert found.whole
    assert found.owner == OWNER
    assert {one["schedule"] for one in found.entries} == {one.key for one in CONTRACTS[contracts]}
    edited = read_file(made.replace("'gateway': 'http", "'gateway': 'https"))
    assert edited is not None
    assert not edited.whole
    assert read_file(made.removeprefix("# purista")) is None


def test_no_text_of_a_contract_is_a_program(tmp_path: Path) -> None:
    """Beside the entries there is the same program, whatever schedules are called."""
    programs = set()
    for contracts in ("monthly", "nasty-names"):
        tree = ast.parse(text(contracts, standalone=True))
        programs.add(ast.dump(ast.Module([node for node in tree.body if not isinstance(node, ast.Assign)], [])))
    assert len(programs) == 1


@pytest.mark.parametrize("standalone", [False, True], ids=["beside-purista", "standalone"])
def test_airflow_imports_it_and_keys_arrive_as_they_are(standalone: bool, tmp_path: Path) -> None:
    file = tmp_path / "made.py"
    both = [*CONTRACTS["nasty-names"], *CONTRACTS["clock-change"], *CONTRACTS["bounded"]]
    made = dialect(standalone=standalone)
    (said,) = made.render(OWNER, made.compile(OWNER, both)).values()
    file.write_text(said)
    found = ask(tmp_path, "dags", str(file))
    assert {one["schedule"] for one in found.values()} == {one.key for one in both}
    assert len(found) == len(both) + standalone
    for name, dag in found.items():
        assert re.fullmatch(r"[\w.-]{1,250}", name, re.ASCII)
        assert (dag["catchup"], dag["active"], dag["paused"], dag["templates"]) == (False, 16, False, [])
        assert dag["tags"] == ["purista", "test/user"]
    if standalone:
        season = next(dag for name, dag in found.items() if ".season." in name)
        assert (season["start"], season["end"]) == ("2026-01-02T00:00:00+00:00", "2026-01-10T23:59:59+00:00")


def test_a_dags_id_depends_on_its_own_schedule_and_environment_only() -> None:
    """A rename or reorder of others changes nothing, and staging never meets production."""
    alone = dialect().compile(OWNER, CONTRACTS["monthly"]).entries[0].name
    both = dialect().compile(OWNER, [*CONTRACTS["clock-change"], *CONTRACTS["monthly"]])
    assert alone in {entry.name for entry in both.entries}
    assert dialect().compile(Owner("user", "staging", ""), CONTRACTS["monthly"]).entries[0].name != alone
    assert len({dag_id("test", one.key, repairs=False) for one in CONTRACTS["nasty-names"]}) == len(NASTY)


def test_a_digest_is_of_the_meaning() -> None:
    before, later = (dialect(since=since).compile(OWNER, CONTRACTS["monthly"]).entries[0] for since in (NOW, NOW + 9))
    assert before.digest == later.digest
    other = dialect(gateway="http://other:8080").compile(OWNER, CONTRACTS["monthly"]).entries[0]
    assert other.digest != before.digest


def test_no_secret_is_in_a_file() -> None:
    for contracts in CONTRACTS:
        assert "whsec_" not in json.dumps(json.loads(json.dumps(read_file(text(contracts, standalone=True)).entries)))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given",
    [
        {}, {"secret": "env:A", "token": "env:B"}, {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw="},
        {"secret": "connection:"}, {"secret": "connection:a b"}, {"token": "env:T"}, {"secret": "env:A", "wait": True},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_not_repeated(given: dict[str, object]) -> None:
    """``env:T`` over http: a token in the open. ``wait`` reads, and a signature covers no read."""
    with pytest.raises(DeclarationError) as refused:
        AirflowScheduler("dags", gateway="http://gateway:8080", **given)  # type: ignore[arg-type]
    assert "MfKQ9" not in str(refused.value)


def test_files_of_owners_are_told_apart() -> None:
    names = {
        file_name(Owner(service, environment, ""))
        for service in ("a", "a_b", "ä", "..")
        for environment in ("b", "b_a")
    }
    assert len(names) == 8
    assert all(re.fullmatch(r"purista_\w+\.py", name, re.ASCII) for name in names)
