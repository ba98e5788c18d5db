"""Asks and answers about permits as they travel in a command: JSON both ways, read as strictly as anything from outside.

Times are durations, never instants: the clocks of worker and gateway may differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from purista.ledgers.base import Part, RunRef, RunState
from purista.permits import Begin, End, Granted, Refused, Renewed, Spawn, Spawned, Wait
from purista.permits.calls import Told, read_told, write_told

__all__ = ["SERVICE", "VERSION", "address_of", "read_answer", "read_ask", "write_answer", "write_ask"]

SERVICE, VERSION = "purista-gateway", "1"
LONGEST = 8_000  # characters of any text
LARGEST = 1 << 53  # more is no exact number in JSON
Ask = Begin | End | Spawn
Answer = Granted | Wait | Refused | Renewed | Spawned | Told | bool


def address_of(group: str) -> str:
    """Where a group of gateways takes asks."""
    return f"cmd:{SERVICE}/{VERSION}/{group}"


def write_ask(kind: str, key: str, run: RunRef | None, **more: Any) -> dict[str, Any]:
    """``begin``, ``renew``, ``spawn``, ``complete`` or ``end``; what is None is left out."""
    ask: dict[str, Any] = {"ask": kind, "key": key}
    if run is not None:
        ask["run"] = run.occurrence_id
        if run.scheduled_at is not None:
            ask["at"] = run.scheduled_at
    return ask | {name: value for name, value in more.items() if value is not None}


def read_ask(ask: Any) -> tuple[str, str, RunRef | None, dict[str, Any]]:
    """Kind, key, run and the rest.

    :raises ValueError: it is no ask; says what was expected.
    """
    if not isinstance(ask, dict):
        raise ValueError(f"expected an ask as an object, got {type(ask).__name__}")  # noqa: TRY004 - the text is wrong
    kind = _text(ask, "ask")
    if kind not in _KINDS:
        raise ValueError(f"ask: expected one of {', '.join(_KINDS)}, got {kind[:40]!r}")
    run = None
    if "run" in ask or kind != "complete":
        at = None if "at" not in ask else _number(ask, "at")
        run = RunRef(_text(ask, "run"), at)
    return kind, _text(ask, "key"), run, _KINDS[kind](ask)


def write_answer(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    match answer:
        case Granted():
            return {"granted": {"fence": answer.fence, "lastsMs": answer.lasts_ms}}
        case Renewed():
            return {"renewed": {"giveWay": answer.give_way}}
        case Wait():
            return {"wait": {"retryAfterMs": answer.retry_after_ms, "why": answer.why}}
        case Refused():
            return {"refused": {"why": answer.why, "unknown": answer.unknown}}
        case Spawned():
            return {"spawned": answer.value}
        case Told():
            return {"told": write_told(answer)}
        case _:
            return {"done": bool(answer)}


def read_answer(answer: Any, now: int) -> Answer:
    """What :func:`write_answer` wrote, with a permit's end by the clock that says ``now`` (ms).

    :raises ValueError: it is no answer.
    """
    if isinstance(answer, dict) and len(answer) == 1:
        name, body = next(iter(answer.items()))
        if name == "done" and isinstance(body, bool):
            return body
        if isinstance(body, dict):
            if name == "granted":
                lasts = _number(body, "lastsMs")
                return Granted(_number(body, "fence"), now + lasts, lasts)
            if name == "renewed":
                return Renewed(now, body.get("giveWay") is True)
            if name == "wait":
                return Wait(_number(body, "retryAfterMs"), _text(body, "why"))
            if name == "refused":
                return Refused(_text(body, "why"), body.get("unknown") is True)
            if name == "told":
                return read_told(body)
        if name == "spawned" and isinstance(body, str):
            return Spawned(body)
    raise ValueError("expected an answer about a permit, got something else")


def _begin(ask: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(ask, name) for name in ("part", "address", "worker")}


def _renew(ask: dict[str, Any]) -> dict[str, Any]:
    return {"part": _text(ask, "part"), "fence": _number(ask, "fence")}


def _spawn(ask: dict[str, Any]) -> dict[str, Any]:
    child = Part(_text(ask, "run"), _text(ask, "childPart"), _text(ask, "childAddress"))
    return {"part": _text(ask, "part"), "fence": _optional(ask, "fence"), "child": child, "message": None}


def _complete(ask: dict[str, Any]) -> dict[str, Any]:
    return {"state": _state(ask, "state"), "cause": _text(ask, "cause") if "cause" in ask else ""}


def _end(ask: dict[str, Any]) -> dict[str, Any]:
    return {
        "part": _text(ask, "part"), "address": _text(ask, "address"), "fence": _optional(ask, "fence"),
        "outcome": None if "outcome" not in ask else _state(ask, "outcome"),
        "detail": None if "detail" not in ask else _text(ask, "detail"),
    }  # fmt: skip


_KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "begin": _begin, "renew": _renew, "spawn": _spawn, "complete": _complete, "end": _end,
}  # fmt: skip


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"{name}: expected a text of at most {LONGEST} characters, got {type(value).__name__}")
    if "\x00" in value or value.encode("utf-8", "replace").decode() != value:
        raise ValueError(f"{name}: expected a text that every store can keep, got a NUL or half a character")
    return value


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise ValueError(f"{name}: expected a whole number, got {type(value).__name__}")
    return value


def _optional(body: dict[str, Any], name: str) -> int | None:
    return None if name not in body else _number(body, name)


def _state(body: dict[str, Any], name: str) -> RunState:
    try:
        return RunState(_text(body, name))
    except ValueError:
        raise ValueError(f"{name}: expected one of {', '.join(RunState)}") from None
