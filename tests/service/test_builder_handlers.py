"""Decorating handlers."""

from __future__ import annotations

import functools
from dataclasses import FrozenInstanceError, dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Optional, Protocol, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from purista.errors import DeclarationError, InvalidPayload, InvalidSchedule
from purista.service.builder import ServiceBuilder
from purista.service.context import Context
from purista.service.handlers import definitions_of, dumper, issues_of, validator

if TYPE_CHECKING:
    from decimal import Decimal


class Cycle(BaseModel):
    cycle_id: str = Field(alias="cycleId")
    day: date = date(2026, 1, 1)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: date
    tags: set[str] = set()


@dataclass
class Point:
    x: int


@pytest.fixture
def service() -> ServiceBuilder:
    return ServiceBuilder("user")


def test_a_decorated_function_is_itself(service: ServiceBuilder) -> None:
    async def start(context: object, cycle: Cycle) -> None:
        """Starts the billing.

        More text.
        """

    assert service.subscription("startBilling", event="billing.due", once=True)(start) is start
    (found,) = service.subscriptions
    assert (found.service, found.version, found.name, found.event) == ("user", "1", "startBilling", "billing.due")
    assert (found.handler, found.payload_type, found.is_async, found.parameters) == (start, Cycle, True, 2)
    assert (found.options.once, found.options.max_attempts) == (True, None)
    assert found.description == "Starts the billing."
    assert definitions_of(start) == (found,)
    with pytest.raises(FrozenInstanceError):
        found.name = "x"  # type: ignore[misc]


def test_commands_take_a_parameter(service: ServiceBuilder) -> None:
    @service.command("cleanUp", result_event="user.cleanedUp")
    def clean_up(context: object, payload: dict[str, int], parameter: Cycle | None) -> int:
        return 1

    (found,) = service.commands
    assert (found.payload_type, found.parameter_type, found.parameters) == (dict[str, int], Cycle | None, 3)
    assert found.options.result_event == "user.cleanedUp"
    assert not found.is_async


def test_workers_remember_deliveries_unless_told_not_to(service: ServiceBuilder) -> None:
    @service.queue_worker("a", visibility_timeout=90)
    def a(context: object) -> None: ...

    @service.queue_worker("b", once=False, max_attempts=3)
    def b(context: object) -> None: ...

    first, second = service.queue_workers
    assert (first.options.once, first.options.visibility_timeout_ms, first.parameters) == (True, 90_000, 1)
    assert (second.options.once, second.options.max_attempts) == (False, 3)


def test_subscriptions_say_nothing_about_once_by_default(service: ServiceBuilder) -> None:
    service.subscription("s", event="e")(lambda context: None)
    assert service.subscriptions[0].options.once is None


def test_types_defined_in_a_function_are_found(service: ServiceBuilder) -> None:
    class Local(BaseModel):
        a: int

    @service.command("c")
    def command(context: Unknown, payload: Local) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert service.commands[0].payload_type is Local


def test_no_annotation_any_and_object_mean_raw_json(service: ServiceBuilder) -> None:
    @service.command("a")
    def a(context, payload): ...  # type: ignore[no-untyped-def]

    @service.command("b")
    def b(context: object, payload: Any) -> None: ...

    assert [found.payload_type for found in service.commands] == [None, None]


def test_methods_partials_and_callable_objects_are_handlers(service: ServiceBuilder) -> None:
    class Worker:
        async def __call__(self, context: object, payload: Cycle) -> None: ...

        def method(self, context: object, payload: Cycle) -> None: ...

    def three(prefix: str, context: object, payload: Cycle) -> None: ...

    worker = Worker()
    service.command("object")(worker)
    service.command("method")(worker.method)
    service.command("partial")(functools.partial(three, "x"))
    assert [(f.payload_type, f.is_async, f.parameters) for f in service.commands] == [
        (Cycle, True, 2),
        (Cycle, False, 2),
        (Cycle, False, 2),
    ]


def test_wrapped_handlers_are_read_through(service: ServiceBuilder) -> None:
    async def inner(context: object, payload: Cycle) -> None: ...

    @functools.wraps(inner)
    def outer(*args: Any) -> Any:
        return inner(*args)

    service.command("c")(outer)
    assert (service.commands[0].payload_type, service.commands[0].is_async) == (Cycle, True)


def test_one_function_may_be_several_things(service: ServiceBuilder) -> None:
    @service.command("now")
    @service.queue_worker("later")
    def work(context: object) -> None: ...

    assert [type(found).__name__ for found in definitions_of(work)] == ["QueueWorkerDef", "CommandDef"]
    assert definitions_of("later") == definitions_of([]) == definitions_of(None) == ()


def test_a_service_that_is_built_anew_replaces_its_old_self() -> None:
    def work(context: object) -> None: ...

    for _ in range(3):
        service = ServiceBuilder("user")
        service.command("now")(work)
    assert definitions_of(work) == service.commands


def test_a_handler_that_cannot_be_a_key_is_reached_by_name(service: ServiceBuilder) -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, context: object) -> None: ...

    handler = Unhashable()
    service.command("c")(handler)
    assert (len(service.commands), definitions_of(handler)) == (1, ())


def _bad_generator(context: object) -> Any:
    yield 1


async def _bad_async_generator(context: object) -> Any:
    yield 1


def _no_parameters() -> None: ...


def _too_many(context: object, a: int, b: int, c: int) -> None: ...


def _keyword(context: object, *, needed: int) -> None: ...


def _unresolved(context: object, amount: Decimal) -> None: ...


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (_bad_generator, "got a generator; write return instead of yield"),
        (_bad_async_generator, "got a generator"),
        (_no_parameters, "expected a handler of (context), (context, payload)"),
        (_too_many, "got (context: 'object', a: 'int', b: 'int', c: 'int')"),
        (_keyword, "expected a handler of (context)"),
        (_unresolved, "import it outside of TYPE_CHECKING, or write payload_type="),
        (Cycle, "expected a function as handler"),
        ("name", "expected a function as handler"),
    ],
)
def test_what_cannot_be_a_handler(service: ServiceBuilder, handler: Any, why: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        service.command("c")(handler)
    assert why in str(refused.value)
    assert service.commands == ()


def test_a_stated_payload_type_needs_no_annotation(service: ServiceBuilder) -> None:
    service.command("c", payload_type=int)(_unresolved)
    assert service.commands[0].payload_type is int


@pytest.mark.parametrize(
    ("decorate", "error", "why"),
    [
        (lambda s: s.subscription("", event="e"), InvalidSchedule, "subscription: expected a name"),
        (lambda s: s.subscription("s", event="\n"), InvalidSchedule, "event: expected a name"),
        (lambda s: s.command(" c"), InvalidSchedule, "command: expected no blanks"),
        (lambda s: s.queue_worker("*"), InvalidSchedule, "queue: expected a letter"),
        (lambda s: s.queue_worker("q", max_attempts=0), DeclarationError, "max_attempts: expected 1 or more, got 0"),
        (lambda s: s.queue_worker("q", max_attempts=True), DeclarationError, "max_attempts: expected 1 or more"),
        (
            lambda s: s.queue_worker("q", visibility_timeout=0.5),
            DeclarationError,
            "expected a second or more, got 500 ms",
        ),
        (lambda s: s.command("c", result_event=""), InvalidSchedule, "event: expected a name"),
    ],
)
def test_options_that_are_refused(service: ServiceBuilder, decorate: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error) as refused:
        decorate(service)
    assert why in str(refused.value)


class MyContext(Context):
    """Somebody's own."""


class StandIn(MyContext):
    """Of a test."""


class Logs(Protocol):
    """What a handler wants of a context."""

    def log(self) -> None: ...


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        (Cycle, "cycle: Cycle"),
        ("Cycle", "cycle: Cycle"),
        (dict[str, int], "cycle: dict[str, int]"),
        (Optional[Cycle], None),  # noqa: UP045 - both spellings
        (Cycle | None, None),
        (Annotated[int, "of it"], None),
        (date, "cycle: date"),
    ],
)
def test_a_handler_without_its_context_is_told_so(service: ServiceBuilder, first: Any, shown: str | None) -> None:
    async def write_report(cycle: Cycle) -> None: ...

    write_report.__annotations__["cycle"] = first
    with pytest.raises(
        DeclarationError, match="write_report: expected its first parameter to be the context"
    ) as refused:
        service.queue_worker("reports")(write_report)
    if shown is not None:
        assert f"got '{shown}'; write write_report(context: Context, {shown})" in str(refused.value)


def test_a_context_that_comes_second_is_not_shown_twice(service: ServiceBuilder) -> None:
    def swapped(cycle: Cycle, context: Context) -> None: ...

    with pytest.raises(DeclarationError, match=r"write swapped\(context: Context, cycle: Cycle\)"):
        service.command("swapped")(swapped)


@pytest.mark.parametrize(
    "first",
    [Context, "Context", MyContext, StandIn, Logs, Any, "Any", object, "Decimal", "TYPE_CHECKING and Unknown",
     Context | None, "Context | None", Annotated[Context, "mine"], TypeVar("T")],
)  # fmt: skip
def test_what_may_be_a_context_is_let_through(service: ServiceBuilder, first: Any) -> None:
    """Names that only type checkers know, too: nobody can say at run time what they are."""

    def work(context: object, cycle: Cycle) -> None: ...

    work.__annotations__["context"] = first
    service.queue_worker("work")(work)
    assert service.queue_workers[0].payload_type is Cycle


def test_a_name_is_taken_once_per_kind(service: ServiceBuilder) -> None:
    service.command("x")(lambda context: None)
    service.queue_worker("x")(lambda context: None)
    service.subscription("x", event="e")(lambda context: None)
    with pytest.raises(DeclarationError, match="user/1: expected one command 'x', got a second one"):
        service.command("x")(lambda context: None)


def test_payloads_are_read_as_json() -> None:
    assert validator(None)({"a": [1]}) == {"a": [1]}
    assert validator(Cycle)({"cycleId": "x", "day": "2026-02-01"}).day == date(2026, 2, 1)
    strict = validator(Strict)({"day": "2026-02-01", "tags": ["a"]})
    assert (strict.day, strict.tags) == (date(2026, 2, 1), {"a"})
    assert validator(Point)({"x": 1}) == Point(1)
    assert validator(int | None)(None) is None


def test_a_payload_that_does_not_fit_says_where() -> None:
    with pytest.raises(InvalidPayload, match="cycleId: Field required") as refused:
        validator(Cycle)({"day": "x"})
    assert [(issue["path"], issue["code"]) for issue in issues_of(refused.value)] == [
        (["cycleId"], "missing"),
        (["day"], "date_from_datetime_parsing"),
    ]
    assert issues_of(InvalidPayload("other")) == []


def test_values_are_dumped_by_alias() -> None:
    cycle = Cycle(cycleId="x")
    assert dumper(Cycle)(cycle) == dumper(None)(cycle) == {"cycleId": "x", "day": "2026-01-01"}
    assert dumper(None)({"a": [cycle, Point(1)]}) == {"a": [{"cycleId": "x", "day": "2026-01-01"}, {"x": 1}]}
    assert [dumper(None)(value) for value in (None, 1, "a", True)] == [None, 1, "a", True]
