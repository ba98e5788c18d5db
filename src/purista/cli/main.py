"""The entry point: sends ``trigger`` on its short way before anything heavy is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["trigger"]:
        from purista.cli.trigger import main as trigger  # noqa: PLC0415 - the short way

        return trigger(given[1:])
    from purista.cli.commands import run  # noqa: PLC0415 - typer and rich cost 150 ms

    return run(given)
