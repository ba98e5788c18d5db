"""The OpenAPI document, made from the same declaration as the routes. Equal code gives equal bytes (a golden test holds it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from purista.contract.identity import MAX_NAME
from purista.gateway.http import shapes
from purista.gateway.http.answers import FAULTS
from purista.gateway.http.operations import OPERATIONS, Operation

__all__ = ["document"]

_REF = "#/components/schemas/{model}"
_RETRY = {
    "Retry-After": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "seconds until it makes sense to call again",
    }
}
_AWAY = {404: "There is no such schedule.", 408: "The body came too slowly.", 413: "The body is too large.",
         415: "Not JSON, or compressed."}  # fmt: skip
_ALWAYS = {400: "The request cannot be read.", 401: "Nobody we know.", 403: "This credential may not do that.",
           429: "Too many requests.", 503: "It cannot be decided now."}  # fmt: skip
_PART = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    for path, name, shape in (("/health", "health", None), ("/ready", "ready", shapes.Readiness)):
        paths[path] = {"get": _probe(name, shape)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "purista gateway", "version": "1",
            "description": "Schedulers call, the gateway decides once. 2xx: do not repeat. 503 and 429: call again after "
            "Retry-After. Anything else: repeating the same request will not help.",
        },
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _security()},
    }  # fmt: skip


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the scope `{operation.scope}`.",
        "security": [{"bearer": []}, {"oidc": []}]
        + ([{"webhookId": [], "webhookTimestamp": [], "webhookSignature": []}] if operation.body else []),
        "parameters": [*_path(operation), *_query(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        required = any(field.is_required() for field in operation.body.model_fields.values())
        found["requestBody"] = {"required": required, "content": _json(operation.body)}
    return found


def _path(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.keyed:
        for name in ("service", "version", "name"):
            yield {"name": name, "in": "path", "required": True, "schema": _PART}


def _query(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.query is None:
        return
    schema = operation.query.model_json_schema(ref_template=_REF)
    for name, about in schema["properties"].items():
        kinds = [kind for kind in about.get("anyOf", [about]) if kind.get("type") != "null"]
        plain = {key: value for key, value in kinds[0].items() if key not in ("title", "description")}
        yield {
            "name": name,
            "in": "query",
            "required": False,
            "schema": plain,
            "description": about.get("description", ""),
        }


def _responses(operation: Operation) -> dict[str, Any]:
    statuses = dict(_ALWAYS) | ({404: _AWAY[404]} if operation.keyed else {}) | (_AWAY if operation.body else {})
    found = {status: _response(words, [shapes.Fault]) for status, words in statuses.items()}
    for status, (words, shape) in operation.answers.items():
        found[status] = _response(words, [shape, shapes.Fault] if status in statuses else [shape])
    if operation.plain:
        found[200] = {"description": operation.plain, "content": {"text/plain": {"schema": {"type": "string"}}}}
    for status in (429, 503):
        found[status]["headers"] = _RETRY
    assert set(found) - {200, 202} <= set(FAULTS)  # noqa: S101 - a slip of ours
    return {str(status): found[status] for status in sorted(found)}


def _response(words: str, kinds: list[type[BaseModel]]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(model=kind.__name__)} for kind in kinds]
    return {
        "description": words,
        "content": {"application/json": {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}},
    }


def _json(kind: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=kind.__name__)}}}


def _probe(name: str, shape: type[BaseModel] | None) -> dict[str, Any]:
    if shape is None:
        schema = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
        answers = {"200": {"description": "It runs.", "content": {"application/json": {"schema": schema}}}}
    else:
        answers = {"200": _response("Calls can be answered.", [shape]), "503": _response("Not now.", [shape])}
    return {"operationId": name, "summary": "For probes; needs no credential", "security": [], "responses": answers}


def _schemas() -> Mapping[str, Any]:
    asks = [one.body for one in OPERATIONS if one.body]
    told = [shape for one in OPERATIONS for _, shape in one.answers.values()]
    shown: dict[type[BaseModel], Literal["validation", "serialization"]] = {}
    shown |= dict.fromkeys(asks, "validation")
    shown |= dict.fromkeys([*told, shapes.Fault, shapes.Readiness], "serialization")
    _, schema = models_json_schema(list(shown.items()), ref_template=_REF)
    found: Mapping[str, Any] = dict(sorted(schema["$defs"].items()))
    return found


def _security() -> dict[str, Any]:
    def header(name: str, words: str) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": name, "description": words}

    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "a token of 32 random bytes or more"},
        "oidc": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "an OIDC token for our audience",
        },
        "webhookId": header("webhook-id", "the same over the attempts of one message"),
        "webhookTimestamp": header("webhook-timestamp", "seconds since the epoch; fresh for every attempt"),
        "webhookSignature": header(
            "webhook-signature", "v1,<base64 of HMAC-SHA256 over id.timestamp.body>, or several"
        ),
    }
