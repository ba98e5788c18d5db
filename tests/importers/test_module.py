"""The module that is written: formatted, importable, accepted by check, with everything in it that was found."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.check import run_checks
from purista.contract.rules import validate_app
from purista.importers.base import NotCarried, identifier
from purista.importers.crontab import import_crontab
from purista.importers.literal import literal
from purista.importers.module import render

TEXT = """\
MAILTO=ops@example.org
# Says "hello" and 'bye' \\ with {braces}
0 5 * * mon-fri /usr/local/bin/backup.sh --all > /dev/null 2>&1
@reboot /srv/start
*/5 * * * * echo "it's" 'a "test"'%line one%line two
30 2 * * * cd /srv && python3 -c 'print("{x}\\n")' --with-a-very-long-option=and-its-value-that-does-not-fit-on-a-line
CRON_TZ=America/New_York
15 7 * * * import
"""


@pytest.fixture(params=[False, True], ids=["own", "with users"])
def imported(request):
    text = "15 7 * * * root /bin/a\n0 5 * * * www /bin/b\n" if request.param else TEXT
    return import_crontab(text, timezone="Europe/Berlin", user=request.param, source='odd """ name \\')


def test_it_is_python_and_says_what_is_missing(imported):
    text = render(imported)
    ast.parse(text)
    comments = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for finding in imported.findings:
        assert " ".join(finding.message.split()) in " ".join(comments.split())


def test_it_is_formatted_and_clean(imported, tmp_path):
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(sys.prefix) + "/bin")
    assert ruff is not None
    (tmp_path / "made.py").write_text(render(imported))
    for command in (["format", "--check"], ["check", "--select", "E,F,I,W,UP,B", "--ignore", "E501"]):
        done = subprocess.run(
            [ruff, *command, "--isolated", "made.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_declares_the_same_contracts_and_check_has_no_errors(imported):
    scope: dict = {"__name__": "made"}
    exec(compile(render(imported), "made.py", "exec"), scope)
    app = scope["app"]
    validate_app(app.services)
    declared = {schedule.key: schedule for service in app.services for schedule in service.schedules}
    assert declared == {job.schedule.key: job.schedule for job in imported.jobs}
    problems = run_checks(app.services, now_ms=1_767_225_600_000)
    assert {p.code for p in problems} <= {"P103", "P109", "P112"}, problems


def test_a_source_without_jobs_is_a_module_as_well():
    scope: dict = {"__name__": "made"}
    exec(render(import_crontab("# nothing\n", timezone="UTC")), scope)
    assert scope["app"].services[0].schedules == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(value=VALUES, indent=st.sampled_from([0, 4, 8]))
def test_a_literal_reads_back_as_it_was(value, indent):
    assert ast.literal_eval(literal(value, indent)) == value


def test_what_has_no_literal_is_refused():
    with pytest.raises(NotCarried, match=r"builtins\.object"):
        literal([object()])


@pytest.mark.parametrize("name", ["class", "2nd", "app", "sh", "été", "nightlyCleanup-2", "import", "crontab"])
def test_identifiers(name):
    found = identifier(name)
    assert found.isidentifier()
    ast.parse(f"def {found}(): ...")
    assert found not in {"app", "sh", "crontab"}


def made(found):
    scope: dict = {"__name__": "made"}
    exec(compile(render(found), "made.py", "exec"), scope)
    return scope


@pytest.mark.parametrize("user", [False, True])
def test_the_worker_does_what_the_line_did(user, tmp_path):
    """Shell, environment, standard input; as the user who runs the test."""
    import getpass

    column = f" {getpass.getuser()}" if user else ""
    line = f'0 5 * * *{column} cat > "$OUT"; date +\\%Y >> "$OUT"%one%two'
    scope = made(import_crontab(f"OUT={tmp_path / 'out'}\n{line}\n", timezone="UTC", user=user))
    scope["cat"](None)
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[:2] == ["one", "two"]
    assert lines[2].isdigit()


def test_a_command_that_fails_fails_the_run():
    scope = made(import_crontab("0 5 * * * exit 3\n", timezone="UTC"))
    with pytest.raises(subprocess.CalledProcessError):
        scope["job_exit" if "job_exit" in scope else "exit"](None)
