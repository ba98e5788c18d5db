"""Every command and snippet of the documentation runs, and shows what the page says.

``PURISTA_DOCS=write pytest tests/docs`` writes the output that was seen into README.md; the difference is reviewed like code.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WRITE = os.environ.get("PURISTA_DOCS") == "write"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[a-z]+): (?P<about>.+?) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHELL = "import sys; from purista.cli.main import main; sys.exit(main())"
AT = (
    "import sys; from purista.cli.commands import run; from purista.testing import ManualClock;"
    " sys.exit(run(sys.argv[2:], clock=ManualClock(sys.argv[1])))"
)


@dataclass(frozen=True)
class Block:
    """A fenced block, with what the comment above it says."""

    page: Path
    language: str
    body: str
    mark: str
    about: str
    start: int
    end: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(page, m["language"], m["body"], m["mark"] or "", m["about"] or "", m.start("body"), m.end("body"))
        for m in FENCE.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


def name(block: Block) -> str:
    return f"{block.page.name}:{block.page.read_text('utf-8')[: block.start].count(chr(10))}"


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        there = page if not path else (page.parent / path).resolve()
        assert there.exists(), f"{page.name} links to {target}"
        if anchor and there.suffix == ".md":
            anchors = {_slug(line) for line in re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)}
            assert anchor in anchors, f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_named_file_of_the_project_exists(page: Path) -> None:
    """In code spans: ``gateway/decide.py`` is below src/purista, ``tests/…`` and the like below the root."""
    for span in re.findall(r"`([\w./]+/[\w.]+\.(?:py|sql|json|md|toml))`", page.read_text("utf-8")):
        assert (ROOT / span).exists() or (ROOT / "src/purista" / span).exists(), f"{page.name} names {span}"


def test_every_trap_is_held_by_a_test() -> None:
    rows = [line for line in (ROOT / "docs/traps.md").read_text("utf-8").splitlines() if line.startswith("| ")][2:]
    for row in rows:
        text, held = "", re.findall(r"`([\w/.]+)`", row.split("|")[3])
        assert any(name.startswith("test_") for name in held), row
        for name in held:
            if name.endswith(".py"):
                text = (ROOT / name).read_text("utf-8")
            else:
                assert f"def {name}(" in text, f"docs/traps.md names {name}"


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


# What the architecture says of the code

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")


def test_the_layers_are_those_that_are_enforced() -> None:
    enforced = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0][
        "layers"
    ]
    (shown,) = [block for block in blocks(ROOT / "docs/architecture.md") if block.mark == "layers"]
    assert shown.body.splitlines() == enforced


def test_every_room_is_described() -> None:
    rooms = {
        path.stem
        for path in (ROOT / "src/purista").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    described = "\n".join(re.findall(r"^\| `(.+?) \|", ARCHITECTURE, re.MULTILINE))
    assert {r for r in rooms if not r.startswith("_") and not re.search(rf"\b{r}\b", described)} == set()


@pytest.mark.parametrize(
    ("file", "port", "methods"),
    re.findall(r"^\| `([\w/]+\.py)` `(\w+)` \| ((?:`\w+` ?)+) \|", ARCHITECTURE, re.MULTILINE),
)
def test_every_port_has_the_methods_that_are_listed(file: str, port: str, methods: str) -> None:
    tree = ast.parse((ROOT / "src/purista" / file).read_text("utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == port]
    functions = [n for n in found.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [n.name for n in functions if not n.decorator_list and not n.name.startswith("__")]
    assert public == re.findall(r"`(\w+)`", methods)
    assert len(public) <= 6


def test_every_column_that_is_explained_exists() -> None:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.executescript((ROOT / "src/purista/sqlite/migrations/0001.sql").read_text("utf-8"))
    tables = {
        name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    }
    connection.close()
    table, explained = "", 0
    for line in ARCHITECTURE[ARCHITECTURE.index("| table |") :].splitlines()[2:]:
        if not line.startswith("|"):
            break
        first, columns = (re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3])
        assert set(first) <= set(tables), line
        table = first[0] if first else table
        for column in columns:
            assert column in tables[table], f"{table}.{column}"
            explained += 1
    assert explained > 30


# Programs


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "python"], ids=name)
def test_python_is_an_example_file_or_runs(block: Block) -> None:
    if block.mark == "file":
        text = (ROOT / block.about).read_text("utf-8")
        if WRITE and block.body != text:
            _replace(block, text)
            return
        assert block.body == text, f"{block.page.name} does not show {block.about} as it is"
        return
    ast.parse(block.body)
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + block.body], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


PREAMBLE = """
from purista import *
user_service = ServiceBuilder("user", version="1")
"""


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "toml"], ids=name)
def test_toml_can_be_read(block: Block) -> None:
    assert tomllib.loads(block.body)


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "sh"], ids=name)
def test_sh_names_targets_of_the_makefile(block: Block) -> None:
    """They are run elsewhere: demo by tests/examples, test and check by CI itself."""
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in block.body.splitlines():
        command, target, *_ = shlex.split(line, comments=True)
        assert command == "make", f"{block.page.name}: {line}"
        assert target in targets, f"{block.page.name}: {line}"


@pytest.mark.parametrize("block", [b for b in ALL if b.mark == "seen"], ids=name)
def test_what_is_quoted_was_seen_where_it_is_run(block: Block) -> None:
    seen = {line for other in _consoles(ROOT / block.about) for line in other.body.splitlines()}
    assert set(block.body.splitlines()) <= seen


def test_only_known_languages() -> None:
    assert {block.language for block in ALL} <= {"python", "toml", "sh", "console", "sql", "text", ""}


# Commands

STORIES = [ROOT / "docs" / name for name in ("life.md", "tutorial.md", "why-did-it-not-run.md")]


def test_every_command_of_every_page_is_run() -> None:
    """By a test of its own here, or beside the page's subject (tests/schedulers)."""
    run = {"README.md", "cli.md", "import.md", "cron.md", "systemd.md", "http.md", "gateway-down.md", "corpus.md"} | {
        page.name for page in STORIES
    }
    assert {block.page.name for block in ALL if block.language == "console"} <= run


def test_the_command_line_page_names_every_command() -> None:
    import typer

    from purista.cli.commands import build

    def names(command: Any, path: str = "") -> list[str]:
        inner = getattr(command, "commands", None)
        if not inner:
            return [path.strip()]
        return [name for key, value in inner.items() for name in names(value, f"{path} {key}")]

    text = (ROOT / "docs/cli.md").read_text("utf-8")
    for name in names(typer.main.get_command(build(colour=False))):
        assert any(f"`{word}" in text for word in (name, name.split()[0])), f"docs/cli.md does not name {name}"


def _consoles(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "console"]


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """In order, in a copy of the examples."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.db*", "__pycache__"))
    where = tmp_path
    for number, block in enumerate(_consoles(ROOT / "README.md")):
        seen = []
        for command, _ in _commands(block.body):
            words = shlex.split(command)
            if words[0] in ("cd", "."):
                where = where / words[1] if words[0] == "cd" else where
                seen.append((command, ""))
                continue
            assert words[0] == "purista", command
            until = block.about if block.mark == "until" and words[1] in ("dev", "worker") else None
            seen.append((command, _run([sys.executable, "-c", SHELL, *words[1:]], where, until)))
        if WRITE:
            body = "".join(f"$ {command}\n{_pretty(out, tmp_path)}" for command, out in seen)
            _replace(_consoles(ROOT / "README.md")[number], body)
            continue
        for (command, expected), (_, out) in zip(_commands(block.body), seen, strict=True):
            assert _normal(expected, tmp_path) == _normal(out, tmp_path), f"$ {command}\n{out}"


@pytest.mark.slow
def test_the_demo_shows_what_the_readme_shows() -> None:
    """Times of day, process ids and waits differ a little from run to run; what happens does not."""
    (block,) = [block for block in ALL if block.mark == "demo"]
    out = _run([sys.executable, "demo.py", "--plain", "--today", block.about], ROOT / "examples/billing", None)
    shown = out[out.index("== 5") : out.index("== 7")].rstrip() + "\n"
    if WRITE:
        _replace(block, shown)
        return

    def told(text: str) -> str:
        life, account = text.split("== 6")
        life = re.sub(r"\bpid \d+|\b\d+ s later|(?<=^  \d{4}-\d\d-\d\d )\S+", "…", life, flags=re.MULTILINE)
        return life + account

    assert told(block.body) == told(shown)


def test_the_commands_of_the_command_line_page(tmp_path: Path) -> None:
    """Each at an instant of its own; the second on a ledger where nobody works."""
    subprocess.run([sys.executable, "-c", NOBODY_WORKS, str(tmp_path)], cwd=tmp_path, check=True)
    now = {"next": "2026-03-27T12:00:00Z", "why": "2026-04-01T00:01:00Z"}
    found = [pair for block in _consoles(ROOT / "docs/cli.md") for pair in _commands(block.body)]
    assert found
    for command, expected in found:
        words = shlex.split(command)
        out = _run([sys.executable, "-c", AT, now[words[1]], *words[1:]], tmp_path, None)
        assert _normal(expected, tmp_path) == _normal(out, tmp_path), f"$ {command}\n{out}"


@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_that_tells_a_story(page: Path, tmp_path: Path) -> None:
    """In order, on one ledger, each at the time above it. Any exit code: ``overdue`` fails when something is."""
    (app,) = [block for block in blocks(page) if block.mark == "app"]
    (tmp_path / app.about).write_text(app.body, "utf-8")
    (tmp_path / "pyproject.toml").write_text(f'[tool.purista]\napp = "{Path(app.about).stem}:app"\n', "utf-8")
    for number, block in enumerate(_consoles(page)):
        assert block.mark == "at", f"{page.name}: a console block without its time"
        seen = []
        for command, _ in _commands(block.body):
            words = shlex.split(command)
            run = words if words[0] in ("sed", "mkdir") else [sys.executable, "-c", AT, block.about, *words[1:]]
            seen.append((command, _run(run, tmp_path, None, codes=(0, 1))))
        if WRITE:
            _replace(_consoles(page)[number], "".join(f"$ {command}\n{out}" for command, out in seen))
            continue
        for (command, expected), (_, out) in zip(_commands(block.body), seen, strict=True):
            assert _normal(expected, tmp_path) == _normal(out, tmp_path), f"$ {command}\n{out}"


def test_the_commands_of_the_import_page(tmp_path: Path) -> None:
    """The crontab of the page, imported as it says; and of the module what it shows."""
    page = ROOT / "docs/import.md"
    (tab,) = [block for block in blocks(page) if block.mark == "crontab"]
    (tmp_path / tab.about).write_text(tab.body, "utf-8")
    (block,) = _consoles(page)
    ((command, expected),) = _commands(block.body)
    run = [sys.executable, "-c", AT, block.about, *shlex.split(command)[1:]]
    out = _run(run, tmp_path, None, codes=(1,))
    (made,) = [block for block in blocks(page) if block.mark == "made"]
    text = (tmp_path / made.about).read_text("utf-8")
    shown = text[text.index("# line ") : text.index("\n\n\napp = ")] + "\n"
    if WRITE:
        _replace(block, f"$ {command}\n{out}")
        (made,) = [block for block in blocks(page) if block.mark == "made"]
        _replace(made, shown)
        return
    assert _normal(expected, tmp_path) == _normal(out, tmp_path)
    assert made.body == shown


def _shop(where: Path) -> None:
    """The app and configuration of docs/http.md."""
    for mark in ("app", "config"):
        (block,) = [block for block in blocks(ROOT / "docs/http.md") if block.mark == mark]
        (where / block.about).write_text(block.body, "utf-8")


def _work(where: Path) -> str:
    """What a worker says that starts and ends again."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")}
    command = [sys.executable, "-c", SHELL, "worker"]
    process = subprocess.Popen(command, cwd=where, env=environment, text=True, stderr=subprocess.PIPE)
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if "started: " in line:
            break
    process.terminate()
    process.communicate(timeout=30)
    return "".join(lines).replace(f"{where}/", "/srv/shop/")


def _untimed(log: str) -> list[str]:
    """Log lines without their times."""
    return [line.partition(" ")[2] for line in log.splitlines()]


@contextmanager
def _serving(where: Path) -> Iterator[tuple[str, str]]:
    """A gateway on any port: what it says when it starts, and where it listens."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")} | {"PURISTA_GATEWAY_PORT": "0"}
    command = [sys.executable, "-c", SHELL, "serve"]
    process = subprocess.Popen(command, cwd=where, env=environment, text=True, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line + process.stderr.read()
        yield line, found[0]
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _over_http(command: str, where: Path, url: str) -> str:
    words = shlex.split(command.replace("http://127.0.0.1:8080", url))
    return _run([sys.executable, "-c", SHELL, *words[1:]], where, None, codes=(0, 69, 77))


def test_the_commands_of_the_http_page(tmp_path: Path) -> None:
    """In order; the gateway that the page starts answers what follows, on a port of its own."""
    page = ROOT / "docs/http.md"
    _shop(tmp_path)
    (block,) = _consoles(page)
    commands = _commands(block.body)
    assert [command.split()[1] for command, _ in commands] == ["secret", "worker", "serve", *["trigger"] * 3]
    assert _over_http(commands[0][0], tmp_path, "") == commands[0][1]
    assert _untimed(_work(tmp_path)) == _untimed(commands[1][1])
    with _serving(tmp_path) as (line, url):
        assert _untimed(line.replace(url, "http://127.0.0.1:8080")) == _untimed(commands[2][1])
        for command, expected in commands[3:]:
            assert _over_http(command, tmp_path, url) == expected, command


def test_the_commands_of_the_page_about_a_gateway_that_is_down(tmp_path: Path) -> None:
    """Without a gateway, and with one."""
    _shop(tmp_path)
    _work(tmp_path)
    _run([sys.executable, "-c", SHELL, "secret", "-o", "gateway.key"], tmp_path, None)
    down, up = _consoles(ROOT / "docs/gateway-down.md")
    assert (down.mark, up.mark) == ("down", "up")
    ((command, expected),) = _commands(down.body)
    assert _over_http(command, tmp_path, "http://127.0.0.1:1") == expected
    with _serving(tmp_path) as (_, url):
        ((command, expected),) = _commands(up.body)
        assert _over_http(command, tmp_path, url) == expected


NOBODY_WORKS = """
import asyncio, sys
from purista import Cron, DefaultEventBridge, ServiceBuilder
from purista.schedulers.base import Call
from purista.testing import ManualClock

async def main():
    clock = ManualClock("2026-03-27T12:00:00Z")
    user = ServiceBuilder("user", version="1")
    user.schedule("monthlyBillingCycle", Cron("0 2 1 * *"), timezone="Europe/Berlin", enqueue="billing.run",
                  concurrency_policy="forbid", missed_run_policy="runOnce")
    bridge = DefaultEventBridge(sys.argv[1] + "/purista.db", clock=clock)
    service = await user.get_instance(bridge)
    await service.start(consume=False)
    clock.jump("2026-04-01T00:00:03Z")
    await bridge.gateway.trigger(Call("user/1/monthlyBillingCycle", source="cron"))
    await service.stop()

asyncio.run(main())
"""


def _commands(body: str) -> list[tuple[str, str]]:
    """Commands with the output that the page shows."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        else:
            command, out = found[-1]
            found[-1] = (command, out + line)
    return found


def _run(command: list[str], where: Path, until: str | None, codes: tuple[int, ...] = (0,)) -> str:
    """What a command prints; one that runs on is interrupted when it has said ``until``."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")} | {"COLUMNS": "200"}
    process = subprocess.Popen(
        command, cwd=where, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    killer = threading.Timer(180, process.kill)  # for one that hangs; the demo takes 30 s on a busy machine
    killer.start()
    try:
        lines = []
        if until is not None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if until in line:
                    time.sleep(0.5)  # what belongs to it is printed by other threads
                    process.send_signal(signal.SIGINT)
                    break
        out, err = process.communicate()
    finally:
        killer.cancel()
    assert process.returncode in codes, f"{command}: exit code {process.returncode}\n{err}"
    return "".join(lines) + out + ("^C\n" if until is not None else "")


def _pretty(out: str, folder: Path) -> str:
    """What is different on every machine, as a reader would like to see it."""
    out = out.replace(f"{folder}/examples/hello/", "/srv/hello/").replace(sys.executable, "/srv/venv/bin/python")
    return re.sub(r"(?m)^(\S+ (?:\S+ ){4})\w+ (?=/srv/venv)", r"\1app ", out)


def _normal(out: str, folder: Path) -> list[str]:
    """Lines without what differs from run to run; unordered, because a handler and the command print side by side."""
    text = _pretty(out, folder)
    for pattern, word in (
        (r"\b[0-9a-f]{12,}\b|\bunregistered\b", "ID"),
        (r"\b\d+ (?:ms|s)\b", "TIME"),
        (r" +", " "),
        (r"(?<=\d\d:\d\d:)\d\dZ", "SSZ"),
        (r"\b\d-59/", "N-59/"),
        (r"[\w.-]+:\d+\b(?=$| )", "WORKER"),
    ):
        text = re.sub(pattern, word, text)
    return sorted(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("^C"))


def _replace(block: Block, body: str) -> None:
    text = block.page.read_text("utf-8")
    now = next(b for b in blocks(block.page) if (b.language, b.body) == (block.language, block.body))
    block.page.write_text(text[: now.start] + body + text[now.end :], "utf-8")
