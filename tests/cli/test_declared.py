"""Commands that look at what is declared: check, next, explain, manifest."""

from __future__ import annotations

import json

import pytest

from purista.contract.manifest import load_manifest


def test_check_prints_problems_and_their_count(purista, home):
    result = purista("check")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["CODE", "SEVERITY", "KEY", "MESSAGE", "FIX"]
    assert any(line.startswith("P103") and "shop/1/nightly" in line for line in lines)
    assert lines[-1].startswith("2 schedules: 0 errors, ")


def test_warnings_fail_only_when_strict(purista):
    assert purista("check").code == 0
    strict = purista("check", "--strict", "--json")
    assert strict.code == 1
    document = strict.json
    assert (document["ok"], document["strict"], document["errors"]) == (False, True, 0)
    assert document["warnings"] == sum(p["severity"] == "warning" for p in document["problems"])
    assert set(document["problems"][0]) == {"code", "severity", "key", "message", "fix"}


def test_what_cannot_start_is_an_error(purista, home):
    text = (home / "shopapp.py").read_text()
    both = 'shop.schedule("x", Cron("0 1 * * *"), timezone="UTC", emit="a.b", concurrency_policy="forbid")\napp = App('
    (home / "shopapp.py").write_text(text.replace("app = App(", both))
    result = purista("check", "--json")
    assert result.code == 1
    assert "P100" in {p["code"] for p in result.json["problems"] if p["severity"] == "error"}


def test_next_in_both_zones(purista):
    result = purista("next", "nightly", "-n", "3")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "shop/1/nightly (Europe/Berlin)\n"
        "LOCAL                           UTC                   NOTE\n"
        "Sat 2026-03-28 02:30:00 +01:00  2026-03-28 01:30:00Z\n"
        "Sun 2026-03-29 03:00:00 +02:00  2026-03-29 01:00:00Z  right after the gap: 02:00 to 03:00 does not exist\n"
        "Mon 2026-03-30 02:30:00 +02:00  2026-03-30 00:30:00Z\n"
    )


def test_next_of_all_names_them(purista):
    result = purista("next", "-n", "1", "--from", "2026-06-15T00:00:00Z")
    assert [line.split()[0] for line in result.out.splitlines()] == ["SCHEDULE", "shop/1/billing", "shop/1/nightly"]


def test_next_as_json(purista):
    document = purista("next", "shop/1/billing", "-n", "2", "--json").json
    assert document == {
        "from": "2026-03-27T12:00:00.000Z",
        "schedules": [
            {
                "key": "shop/1/billing",
                "timezone": "Europe/Berlin",
                "occurrences": [
                    {"scheduledAt": "2026-04-01T00:00:00.000Z", "local": "2026-04-01T02:00:00+02:00", "note": None},
                    {"scheduledAt": "2026-05-01T00:00:00.000Z", "local": "2026-05-01T02:00:00+02:00", "note": None},
                ],
            }
        ],
    }


def test_around_the_changes_of_the_clocks_without_an_app(purista, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    result = purista("next", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--around-dst", "-n", "2")
    assert result.out == (
        "30 2 * * * (Europe/Berlin)\n"
        "clocks go forward on Sun 2026-03-29 from 02:00 to 03:00 (2026-03-29 01:00:00Z)\n"
        "02:30 does not exist: due once at 03:00, right after the gap\n"
        "LOCAL                           UTC                   NOTE\n"
        "Sat 2026-03-28 02:30:00 +01:00  2026-03-28 01:30:00Z\n"
        "Sun 2026-03-29 03:00:00 +02:00  2026-03-29 01:00:00Z  right after the gap: 02:00 to 03:00 does not exist\n"
        "clocks go back on Sun 2026-10-25 from 03:00 to 02:00 (2026-10-25 01:00:00Z)\n"
        "02:30 comes twice: due once, in the first pass\n"
        "LOCAL                           UTC                   NOTE\n"
        "Sun 2026-10-25 02:30:00 +02:00  2026-10-25 00:30:00Z  first pass: 02:30 comes twice\n"
        "Mon 2026-10-26 02:30:00 +01:00  2026-10-26 01:30:00Z\n"
    )


def test_both_passes_of_an_hourly_rule_are_shown(purista):
    document = purista("next", "--cron", "30 * * * *", "--timezone", "Europe/Berlin", "--around-dst", "--json").json
    (_, overlap) = document["schedules"][0]["changes"]
    assert (overlap["kind"], overlap["offsetBeforeSeconds"], overlap["offsetAfterSeconds"]) == ("overlap", 7200, 3600)
    notes = [o["note"] for o in overlap["occurrences"] if o["note"]]
    assert notes == ["first pass: 02:30 comes twice", "second pass: 02:30 comes twice"]


def test_a_zone_without_changes_says_so(purista):
    out = purista("next", "--cron", "@hourly", "--around-dst").out
    assert out == "@hourly (UTC)\nthe clocks of UTC do not change in the next two years\n"


def test_explain_in_plain_words(purista):
    result = purista("explain", "nightly")
    assert result.code == 0
    plain, told, _ = result.out.partition("  on cron: exact")
    assert told, "what each scheduler does with it follows"
    assert plain == (
        "shop/1/nightly\n"
        "  Tidies up\n"
        "  At 02:30 every day, Europe/Berlin time.\n"
        "  target: calls the command cleanup\n"
        "  overlap: runs may overlap: each occurrence starts, whatever is still running (allow)\n"
        "  missed: what was missed past its deadline is skipped (skip)\n"
        "  deadline: worth starting until the next one is due, at most 1 h\n"
        "  2026-03-29: 02:30 does not exist: due once at 03:00, right after the gap\n"
        "  2026-10-25: 02:30 comes twice: due once, in the first pass\n"
        "  2027-03-28: 02:30 does not exist: due once at 03:00, right after the gap\n"
    )


def test_explain_as_json(purista):
    document = purista("explain", "--cron", "0 9 * * 1-5", "--json").json
    (schedule,) = document["schedules"]
    assert set(schedule) == {"key", "timezone", "description", "sentence", "policies", "specialDays"}
    assert (schedule["timezone"], schedule["policies"], schedule["specialDays"]) == ("UTC", [], [])
    assert purista("explain", "--json").json["schedules"][0]["policies"][0]["topic"] == "target"


def test_the_manifest_is_the_same_bytes_every_time(purista, home):
    first, second = purista("manifest"), purista("manifest", "--json", now="2030-01-01T00:00:00Z")
    assert first.out == second.out
    assert [s.key for s in load_manifest(first.out).schedules] == ["shop/1/billing", "shop/1/nightly"]
    written = purista("manifest", "-o", "schedules.json")
    assert (written.code, written.out) == (0, "2 schedules written to schedules.json\n")
    assert (home / "schedules.json").read_text() == first.out
    assert json.loads(first.out)["formatVersion"] == 1


def test_a_file_that_cannot_be_written(purista):
    result = purista("manifest", "-o", "nowhere/schedules.json")
    assert (result.code, result.out) == (73, "")
    assert "expected a file that can be written" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["next", "nigtly"], 64, "write shop/1/nightly"),
        (["explain", "zzz"], 64, "write one of shop/1/billing, shop/1/nightly"),
        (["next", "--cron", "61 * * * *"], 64, "--cron: "),
        (["next", "--cron", "* * * * *", "--timezone", "Europe/Belin"], 64, "did you mean"),
        (["next", "--cron", "* * * * *", "nightly"], 64, "leave out nightly"),
        (["next", "--from", "soon"], 64, "--from: expected a time"),
        (["next", "-n", "0"], 64, "-n"),
        (["next", "--app", "nowhere:app"], 78, "expected a module 'nowhere'"),
        (["check", "--app", "shopapp"], 78, '"module:attribute"'),
        (["check", "--app", "shopapp:shop"], 78, "expected an App"),
        (["nonsense"], 64, "No such command"),
        (["check", "--nonsense"], 64, "No such option"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence_and_a_code(purista, arguments, code, said):
    result = purista(*arguments)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert "Traceback" not in result.err


def test_a_module_that_fails_shows_its_own_traceback_and_our_sentence(purista, home):
    (home / "brokenapp.py").write_text("x = 1\nx.nothing\n")
    result = purista("check", "--app", "brokenapp:app")
    assert result.code == 78
    assert 'brokenapp.py", line 2' in result.err
    assert "importlib" not in result.err
    assert "purista: brokenapp:app cannot be imported: AttributeError" in result.err


def test_a_wrong_declaration_is_one_sentence(purista, home):
    text = (home / "shopapp.py").read_text()
    (home / "shopapp.py").write_text(text.replace('Cron("30 2 * * *")', 'Cron("30 25 * * *")'))
    result = purista("check")
    assert result.code == 78
    assert "25" in result.err
    assert "Traceback" not in result.err


def test_the_app_may_be_named_before_the_command_and_the_config_lies_above(purista, home, monkeypatch):
    deep = home / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert purista("manifest").code == 0
    (home / "pyproject.toml").write_text("[tool.other]\n")
    nothing = purista("manifest")
    assert (nothing.code, nothing.out) == (78, "")
    assert '[tool.purista] app = "billing:app"' in nothing.err
    monkeypatch.chdir(home)
    assert purista("--app", "shopapp:app", "manifest").code == 0


@pytest.mark.parametrize("text", ["[tool.purista\n", "[tool.purista]\napp = 5\n"])
def test_a_config_that_cannot_be_used(purista, home, text):
    (home / "pyproject.toml").write_text(text)
    result = purista("check")
    assert (result.code, result.out) == (78, "")
    assert "pyproject.toml" in result.err


def test_names_are_shown_and_never_obeyed(purista, home):
    (home / "oddapp.py").write_text(
        "from purista import App, Cron, ServiceBuilder\n"
        's = ServiceBuilder("[bold]s")\n'
        's.schedule("[red]n[0m", Cron("0 1 * * *"), timezone="UTC", emit="a.b", description="\\x1b[31mred\\n")\n'
        "app = App(services=[s])\n"
    )
    assert "[bold]s/1/[red]n[0m" in purista("explain", "--app", "oddapp:app").out
    out = purista("explain", "--app", "oddapp:app").out
    assert "\x1b" not in out
    assert "\\x1b[31mred\\n" in out
