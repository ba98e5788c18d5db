"""What a service handles: frozen records of the functions that were decorated, and how payloads reach them.

What belongs here: reading a function's signature, and from JSON values to its types and back. Calling it is the
runtime's business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from purista.contract.models import adapter, issues_of, read_as
from purista.errors import DeclarationError

__all__ = [
    "CommandDef", "Handler", "HandlerDef", "HandlerOptions", "QueueWorkerDef", "Signature", "SubscriptionDef",
    "definitions_of", "dumper", "issues_of", "read_signature", "remember", "validator",
]  # fmt: skip

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """How often and how carefully a handler is called.

    ``once`` remembers finished delivery ids of scheduled work, so that a repeated delivery is not handled again; ``None``
    means nobody said, which is no. ``max_attempts`` counts the first one. ``visibility_timeout_ms`` is how long a job is
    invisible to others while nobody renews it. ``result_event`` is emitted when the handler has returned.
    """

    once: bool | None = None
    max_attempts: int | None = None
    visibility_timeout_ms: int | None = None
    result_event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerDef:
    """One decorated function. ``name`` is the subscription's, command's or queue's; types are ``None`` for raw JSON.

    ``parameters`` is how many of (context, payload, parameter) the function takes.
    """

    word: ClassVar[str] = "handler"

    service: str
    version: str
    name: str
    handler: Handler
    payload_type: Any = None
    parameter_type: Any = None
    options: HandlerOptions = HandlerOptions()
    is_async: bool
    parameters: int = 2
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionDef(HandlerDef):
    """A function that is called for every message of an event."""

    word: ClassVar[str] = "subscription"

    event: str

    @property
    def address(self) -> str:
        """Where its messages are delivered."""
        return f"sub:{self.service}/{self.version}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDef(HandlerDef):
    """A function that is called by name and whose result goes back to the caller."""

    word: ClassVar[str] = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWorkerDef(HandlerDef):
    """A function that works off the jobs of the queue ``name``."""

    word: ClassVar[str] = "queue"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function says about itself."""

    payload_type: Any
    parameter_type: Any
    is_async: bool
    parameters: int


# By function, so that `invoke=cleanup` and `context.enqueue(run_billing, …)` find the name it was decorated with.
# For the life of the process: handlers are part of the program.
_KNOWN: dict[Handler, tuple[HandlerDef, ...]] = {}


def remember(definition: HandlerDef) -> None:
    """Make a function findable by :func:`definitions_of`. A service that is built anew takes the place of its old self."""
    if definition.handler.__hash__ is None:
        return
    others = [known for known in _KNOWN.get(definition.handler, ()) if _identity(known) != _identity(definition)]
    _KNOWN[definition.handler] = (*others, definition)


def _identity(definition: HandlerDef) -> tuple[str, ...]:
    return definition.word, definition.service, definition.version, definition.name


def definitions_of(handler: Any) -> tuple[HandlerDef, ...]:
    """Everything this function was decorated as, in order; empty if it never was."""
    try:
        return _KNOWN.get(handler, ())
    except TypeError:  # not hashable: only its name leads to it
        return ()


def read_signature(handler: Any, *, payload_type: Any = None, depth: int = 2) -> Signature:
    """The types of payload and parameter: annotations of the second and third positional parameter.

    ``payload_type`` stands for the second one's. ``depth`` is how many frames up the function was
    defined; annotations may name what is local there.

    :raises purista.errors.DeclarationError: for what cannot be called with (context, payload, parameter), is a
        generator, has an annotation that cannot be resolved, or takes something else than the context first.
    """
    import inspect  # noqa: PLC0415 - 10 ms that only declaring pays

    name = getattr(handler, "__qualname__", repr(handler))
    if not callable(handler) or isinstance(handler, type):
        msg = f"expected a function as handler, got {handler!r:.80}; write the decorator above 'def' or 'async def'"
        raise DeclarationError(msg)
    function = inspect.unwrap(handler)
    while isinstance(function, partial):
        function = function.func
    function = function if inspect.isroutine(function) else type(function).__call__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        msg = f"{name}: expected a handler that returns, got a generator; write return instead of yield"
        raise DeclarationError(msg)
    positional = _positional(_signature(handler), name)
    local = sys._getframe(depth).f_locals
    _check_context(positional, function, local, name)
    if payload_type is None and len(positional) > 1:
        payload_type = _resolved(positional[1], function, local, name)
    parameter_type = _resolved(positional[2], function, local, name) if len(positional) > 2 else None
    is_async = any(map(inspect.iscoroutinefunction, (handler, type(handler).__call__, function)))  # whatever wraps it
    return Signature(payload_type, parameter_type, is_async, len(positional))


def _signature(handler: Any) -> Any:
    """The signature, without asking for annotations that cannot be resolved (from 3.14 on they are lazy)."""
    import inspect  # noqa: PLC0415

    if sys.version_info >= (3, 14):
        from annotationlib import Format  # noqa: PLC0415

        return inspect.signature(handler, annotation_format=Format.FORWARDREF)
    return inspect.signature(handler)


def _positional(signature: Any, name: str) -> list[Any]:
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = [p for p in parameters if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    taken = positional[:3]
    if not taken or any(p not in taken for p in needed):
        msg = (
            f"{name}: expected a handler of (context), (context, payload) or (context, payload, parameter), "
            f"got {signature}; write def {name.rpartition('.')[2]}(context: Context, payload: …)"
        )
        raise DeclarationError(msg)
    return taken


def _check_context(positional: list[Any], function: Any, local: dict[str, Any], name: str) -> None:
    """The first parameter is always given the context. Only what certainly means something else is refused."""
    first = positional[0]
    if first.annotation is first.empty or _may_be_context(first.annotation, function, local):
        return
    shown = ", ".join(text for text in map(_shown, positional) if not text.endswith("Context"))
    msg = (
        f"{name}: expected its first parameter to be the context, got {_shown(first)!r}; "
        f"write {name.rpartition('.')[2]}(context: Context, {shown})"
    )
    raise DeclarationError(msg)


def _may_be_context(annotation: Any, function: Any, local: dict[str, Any]) -> bool:
    """Whether a value of :class:`~purista.service.context.Context`, a subclass or a stand-in of that name may be meant."""
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, getattr(function, "__globals__", {}), local)  # noqa: S307 - the user's own source
        except Exception:  # noqa: BLE001 - imported for type checkers only: nobody can know here
            return True
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return any(_may_be_context(one, function, local) for one in get_args(annotation))
    if origin is Annotated:
        return _may_be_context(get_args(annotation)[0], function, local)
    kind = annotation if origin is None else origin
    if kind in (Any, object) or not isinstance(kind, type):
        return True
    return bool(getattr(kind, "_is_protocol", False)) or any(c.__name__.endswith("Context") for c in kind.__mro__)


def _shown(parameter: Any) -> str:
    """A parameter as it was written, as far as that can be known."""
    annotation = getattr(parameter.annotation, "__forward_arg__", parameter.annotation)
    if annotation is parameter.empty:
        return str(parameter.name)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        annotation = annotation.__name__
    return f"{parameter.name}: {annotation}"


def _resolved(parameter: Any, function: Any, local: dict[str, Any], name: str) -> Any:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return None
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, getattr(function, "__globals__", {}), local)  # noqa: S307 - the user's own source
        except Exception as error:
            msg = (
                f"{name}: expected an annotation of {parameter.name!r} that is known when the handler is declared, "
                f"got {annotation!r} ({error}); import it outside of TYPE_CHECKING, or write payload_type="
            )
            raise DeclarationError(msg) from error
    return None if annotation is Any or annotation is object else annotation


def validator(payload_type: Any) -> Callable[[Any], Any]:
    """From a JSON value to the handler's type; the identity for ``None``.

    :raises purista.errors.InvalidPayload: by the returned function; :func:`issues_of` gives the places as data.
    """
    if payload_type is None:
        return _same
    return lambda value: read_as(payload_type, value)


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=1)
def _to_jsonable() -> Callable[..., Any]:
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - pydantic

    return to_jsonable_python


def dumper(payload_type: Any = None) -> Callable[[Any], Any]:
    """From a handler's value to a JSON value, models by their aliases; by the value's own type for ``None``.

    :raises ValueError: by the returned function, for what has no JSON (pydantic's own error).
    """
    if payload_type is None:
        return _dump_any
    return lambda value: adapter(payload_type).dump_python(value, mode="json", by_alias=True)


def _dump_any(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    return _to_jsonable()(value, by_alias=True)
