"""``purista trigger``: a scheduler's call. Opens the ledger, asks what is due, answers by exit code.

Exit codes (``sysexits.h`` where one fits): 0 decided (accepted, duplicate or not due) · 64 usage · 69 the ledger (or with
``--gateway`` the gateway) cannot answer · 75 call again: the claim is held longer than ``--wait``, or the occurrence lies
ahead · 77 refused · 78 a secret or address that must not be used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from purista.clock import Clock, SystemClock, from_iso
from purista.errors import LedgerError, PuristaError
from purista.gateway.decide import Answer
from purista.gateway.gateway import Gateway, Reply
from purista.ledgers.sqlite import SqliteLedger
from purista.schedulers.base import Call
from purista.settings import Settings
from purista.sqlite.file import SqliteFile

if TYPE_CHECKING:
    from purista.schedulers.remote import Heard

__all__ = ["EXIT_CODES", "main"]

OK, USAGE, UNAVAILABLE, RETRY, REFUSED, CONFIG = 0, 64, 69, 75, 77, 78
EXIT_CODES = {
    Answer.ACCEPTED: OK,
    Answer.DUPLICATE: OK,
    Answer.NOT_DUE: OK,
    Answer.RETRY: RETRY,
    Answer.REFUSED: REFUSED,
}
DEFAULT_WAIT_SECONDS = 30.0
SWEEP_LIMIT = 1_000
LONGEST_DELAY_S = 86_400


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"purista trigger: {message}\n")


def main(arguments: Sequence[str], *, clock: Clock | None = None) -> int:
    """Run the command and return its exit code. ``clock`` is for tests."""
    options = _parser().parse_args(list(arguments))
    if not options.keys and not options.sweep and not options.recover:
        sys.stderr.write("purista trigger: expected a schedule key (service/version/name), --sweep or --recover\n")
        return USAGE
    try:
        _check_keys(options.keys)
        at = None if options.at is None else _instant(options.at)
    except ValueError as error:
        sys.stderr.write(f"purista trigger: {error}\n")
        return USAGE
    if options.job is not None and at is None:
        from purista.schedulers.kubernetes.ingress import due_of_job  # noqa: PLC0415 - not on the path of the other calls

        at = due_of_job(options.job)
    if options.delay:
        asyncio.run(_later(at, options.delay, clock or SystemClock()))
    if options.gateway is not None:
        return _over_http(options, at)
    try:
        replies = asyncio.run(_trigger(options, at, clock or SystemClock()))
    except PuristaError as error:
        sys.stderr.write(f"purista trigger: {error}\n")
        return UNAVAILABLE if isinstance(error, LedgerError) else REFUSED
    _print(replies, as_json=options.json)
    return max((EXIT_CODES[reply.answer] for _, reply in replies), default=OK)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="purista trigger", description="Tell the gateway that something may be due.")
    parser.add_argument("keys", nargs="*", metavar="KEY", help="schedule key, service/version/name")
    parser.add_argument("--ledger", help="the ledger's file (default: PURISTA_LEDGER, else purista.db)")
    parser.add_argument("--scheduler", default="cli", help="who calls; kept with the record")
    parser.add_argument("--at", help="the occurrence meant, ISO 8601 with offset; a claim that is checked")
    parser.add_argument("--job", help="the Kubernetes Job that calls: its name says which occurrence is meant")
    parser.add_argument(
        "--delay",
        type=_delay,
        default=0,
        help="seconds to wait first, from when it was due: spreads what is due at once",
    )
    parser.add_argument("--sweep", action="store_true", help="finish what earlier calls began")
    parser.add_argument("--recover", action="store_true", help="decide what was due and nobody called for")
    parser.add_argument(
        "--wait", type=float, default=DEFAULT_WAIT_SECONDS, help="seconds to try again, for all keys together"
    )
    parser.add_argument("--json", action="store_true", help="print the answers as JSON")
    parser.add_argument("--gateway", metavar="URL", help="call a gateway over HTTP instead of opening a ledger")
    parser.add_argument(
        "--secret", metavar="REF", help="signs the call: env:NAME or file:PATH [PURISTA_GATEWAY_SECRET]"
    )
    parser.add_argument(
        "--token", metavar="REF", help="a bearer token instead: env:NAME or file:PATH [PURISTA_GATEWAY_TOKEN]"
    )
    return parser


def _delay(text: str) -> int:
    """:raises argparse.ArgumentTypeError: it is no number of seconds, or more than a day."""
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > LONGEST_DELAY_S:
        raise argparse.ArgumentTypeError(f"expected 0 to {LONGEST_DELAY_S} seconds, got {text[:20]!a}")
    return int(text)


async def _later(at: int | None, delay: int, clock: Clock) -> None:
    """From when it was due, where that is known: a Job that is tried again, or made late, does not wait once more."""
    passed = 0.0 if at is None else (clock.now() - at) / 1000
    if passed < delay:
        await clock.sleep(delay - max(0.0, passed))


def _check_keys(keys: Sequence[str]) -> None:
    """Also over HTTP nobody guesses which schedule a bare name means: what calls was written by a machine.

    :raises ValueError: one is no full key.
    """
    odd = next((key for key in keys if key.count("/") < 2 or not all(key.split("/", 2))), None)
    if odd is not None:
        fix = "write service/version/name, such as shop/1/nightly: `purista status` shows them"
        raise ValueError(f"expected a schedule key, got {odd[:60]!a}; {fix}")


def _instant(text: str) -> int:
    """:raises ValueError: it is no instant, or has no offset."""
    try:
        return from_iso(text)
    except ValueError:
        what = f"--at: expected an ISO 8601 instant with its offset, got {text[:60]!a}"
    try:
        from_iso(f"{text}Z")
    except ValueError:
        raise ValueError(f"{what}; write 2026-11-27T07:00Z") from None
    raise ValueError(f"{what}; write {text}Z if that is UTC, or 2026-11-27T08:00+01:00")


async def _trigger(options: argparse.Namespace, at: int | None, clock: Clock) -> list[tuple[str, Reply]]:
    path = options.ledger or Settings.read().ledger
    if "://" in path:
        raise LedgerError(
            "expected the file of a SQLite ledger, got the address of another one; its gateway publishes over a broker: call "
            "that, with --gateway URL"
        )
    async with SqliteLedger(SqliteFile(path, environment=None, create=False), clock=clock) as ledger:
        gateway = Gateway(ledger)
        if options.sweep:
            await gateway.sweep(SWEEP_LIMIT)
        if options.recover:
            from purista.gateway.recover import recover  # noqa: PLC0415 - not on the path of the other calls

            for gap in (await recover(gateway)).waiting:
                sys.stderr.write(f"purista trigger: {gap.key}: {gap.asks} see purista recover --help\n")
        calls = [Call(key, scheduled_at=at, source=options.scheduler) for key in options.keys]
        return list(
            zip(
                options.keys,
                await asyncio.gather(*(_patiently(gateway, c, clock, options.wait) for c in calls)),
                strict=True,
            )
        )


async def _patiently(gateway: Gateway, call: Call, clock: Clock, wait: float) -> Reply:
    """Call again while a claim is held and there is time: the first to find it expired takes over."""
    until = clock.now() + int(wait * 1000)
    while True:
        reply = await gateway.trigger(call)
        pause = reply.retry_after_ms
        if reply.answer is not Answer.RETRY or pause is None or clock.now() + pause > until:
            return reply
        await clock.sleep(pause / 1000)


def _over_http(options: argparse.Namespace, at: int | None) -> int:
    """The same call over HTTP; its exit code says the same."""
    from purista.schedulers.remote import RemoteFault, remote_of  # noqa: PLC0415 - not on the path of the other calls

    settings = Settings.read()
    if options.sweep or options.recover or options.ledger:
        sys.stderr.write(
            "purista trigger: expected keys alone with --gateway: it sweeps and recovers where its ledger is\n"
        )
        return USAGE
    named = options.secret or options.token
    secret, token = (options.secret, options.token) if named else (settings.gateway_secret, settings.gateway_token)
    try:
        remote, warnings = remote_of(options.gateway, secret, token, SystemClock().now)
    except RemoteFault as error:
        sys.stderr.write(f"purista trigger: {error}\n")
        return CONFIG
    for warning in warnings:
        sys.stderr.write(f"purista trigger: warning: {warning}\n")
    answers = zip(options.keys, remote.trigger_all(options.keys, at, options.wait), strict=True)
    return max(_said(key, heard, as_json=options.json) for key, heard in answers)


def _said(key: str, heard: Heard, *, as_json: bool) -> int:
    """Print one answer of a gateway, and say by which exit code the command ends."""
    told = heard.document
    answer = str(told.get("answer") or told.get("error") or ("unavailable" if heard.status == 0 else heard.status))
    detail = str(told.get("detail") or heard.fault or f"status {heard.status}")
    if as_json:
        record = {
            "key": key,
            "answer": answer,
            "detail": detail,
            "decided": told.get("decided", []),
            "attempts": heard.attempts,
        }
        sys.stdout.write(json.dumps(record) + "\n")
    else:
        shown = "".join(c if c.isprintable() else "?" for c in f"{key}: {answer} ({detail})")
        sys.stdout.write(shown[:1_000] + "\n")
    if 200 <= heard.status < 300 and "answer" in told:
        return OK
    if told.get("answer") == "retry" or heard.status == 429:
        return RETRY
    return REFUSED if 400 <= heard.status < 500 else UNAVAILABLE


def _print(replies: list[tuple[str, Reply]], *, as_json: bool) -> None:
    for key, reply in replies:
        if as_json:
            decided = [
                {
                    "occurrenceId": row.occurrence_id,
                    "scheduledAt": row.scheduled_at,
                    "decision": row.decision,
                    "count": row.count,
                }
                for row in reply.rows
            ]
            record = {"key": key, "answer": reply.answer, "detail": reply.detail, "decided": decided}
            sys.stdout.write(json.dumps(record) + "\n")
        else:
            sys.stdout.write(f"{key}: {reply.answer} ({reply.detail})\n")
