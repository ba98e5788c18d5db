"""Payload types of users: any type pydantic can validate. pydantic is imported only when somebody asks.

What belongs here: from a type to its JSON Schema, and from a JSON value to the type. JSON Schemas without a type are
checked by ``contract.json_schema``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from purista.contract.payload import dump
from purista.errors import InvalidPayload

__all__ = ["adapter", "issues_of", "json_schema_of", "read_as"]


@lru_cache(maxsize=1024)
def _cached_adapter(model: Any) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - 100 ms that the trigger's path must not pay

    return TypeAdapter(model)


def adapter(model: Any) -> Any:
    """The pydantic ``TypeAdapter`` of a type, built once.

    :raises purista.errors.InvalidPayload: for what pydantic cannot make a schema of.
    """
    try:
        try:
            return _cached_adapter(model)
        except TypeError:  # an unhashable annotation, such as Annotated with a list inside
            return _cached_adapter.__wrapped__(model)
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "pydantic":
            raise
        msg = f"expected a type that pydantic knows, got {model!r}: {error}; write a BaseModel, dataclass or TypedDict"
        raise InvalidPayload(msg) from error


def json_schema_of(model: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what a sender must write: aliases, validation mode."""
    schema: dict[str, Any] = adapter(model).json_schema(by_alias=True, mode="validation")
    return schema


def read_as(model: Any, value: Any) -> Any:
    """A JSON value as the type. Read as JSON, so that strict models take what JSON has to write as text (dates, sets).

    :raises purista.errors.InvalidPayload: naming every place; the pydantic error is its ``__cause__``.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return adapter(model).validate_json(dump(value))
    except ValidationError as error:
        raise InvalidPayload("; ".join(_issue(found) for found in error.errors(include_url=False))) from error


def _issue(found: Any) -> str:
    place = ".".join(str(part) for part in found["loc"]) or "the payload itself"
    return f"{place}: {found['msg']}, got {found['input']!r:.80}"


def issues_of(error: InvalidPayload) -> list[dict[str, Any]]:
    """The list of issues behind an error of :func:`read_as`, as JSON values; empty for other errors."""
    errors = getattr(error.__cause__, "errors", None)
    if errors is None:
        return []
    found = errors(include_url=False, include_context=False, include_input=False)
    return [{"path": list(issue["loc"]), "message": issue["msg"], "code": issue["type"]} for issue in found]
