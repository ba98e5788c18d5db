"""A Kubernetes API server as far as CronJobs need one: labels, pages, server-side apply with field managers, deletes.

It says nothing about admission or firing: a real cluster does (``PURISTA_TEST_KUBECONFIG``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

__all__ = ["Cluster"]

BASE = "/apis/batch/v1/namespaces/"
Scope = MutableMapping[str, Any]


class Cluster:
    """ASGI. ``objects`` is what is stored; ``asked`` every request; ``wrong`` may answer in its place."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.owners: dict[tuple[str, str], dict[str, set[str]]] = {}  # manager → paths it applied
        self.asked: list[tuple[str, str]] = []
        self.wrong: Callable[[str, str], tuple[int, str] | None] = lambda method, path: None
        self.changes: Callable[[dict[str, Any]], None] = lambda made: None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, document = self._answer(scope["method"], scope["path"], parse_qs(scope["query_string"].decode()), body)
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path))
        wrong = self.wrong(method, path)
        if wrong is not None:
            return wrong[0], _status(*wrong)
        namespace, _, name = path.removeprefix(BASE).partition("/cronjobs")
        place = namespace, name.strip("/")
        if method == "GET" and not place[1]:
            return self._list(namespace, query)
        if method == "PATCH":
            return self._apply(place, query, json.loads(body))
        if place not in self.objects:
            return 404, _status(404, f'cronjobs.batch "{place[1]}" not found')
        if method == "DELETE":
            del self.objects[place]
            return 200, _status(200, "")
        return 200, self.objects[place]

    def _list(self, namespace: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        wanted = dict(pair.split("=") for pair in query.get("labelSelector", [""])[0].split(",") if pair)
        found = [
            one for (where, _), one in sorted(self.objects.items())
            if where == namespace and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]  # fmt: skip
        start, limit = int(query.get("continue", ["0"])[0]), int(query.get("limit", [str(len(found) or 1)])[0])
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        items = found[start : start + limit]
        return 200, {"apiVersion": "batch/v1", "kind": "CronJobList", "metadata": more, "items": items}

    def _apply(
        self, place: tuple[str, str], query: dict[str, list[str]], made: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        manager, force = query["fieldManager"][0], query.get("force") == ["true"]
        owners = self.owners.setdefault(place, {})
        mine = set(_paths(made["spec"]))
        taken = {other: paths & mine for other, paths in owners.items() if other != manager and paths & mine}
        if taken and not force:
            return 409, _status(409, f"Apply failed with conflicts with {sorted(taken)}")
        for other in taken:
            owners[other] -= mine
        before = self.objects.get(place, {"spec": {"suspend": False}, "metadata": {}})
        after = copy.deepcopy(made)
        kept = {path for other, paths in owners.items() if other != manager for path in paths}
        for name, value in before["spec"].items():
            if name not in after["spec"] and (name in kept or name == "suspend"):
                after["spec"][name] = value
        owners[manager] = mine
        after["metadata"]["uid"] = before["metadata"].get("uid") or f"uid-{len(self.asked)}"
        pod = after["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        pod.update(dnsPolicy="ClusterFirst", schedulerName="default-scheduler")  # what the server adds
        self.changes(after)
        self.objects[place] = after
        return 200, after

    def edit(
        self, name: str, change: Callable[[dict[str, Any]], None], *, namespace: str = "shop", manager: str = "kubectl"
    ) -> None:
        """As ``kubectl edit`` does: another manager then owns what changed."""
        one = self.objects[namespace, name]
        before = dict(one["spec"])
        change(one)
        paths = {path for path in one["spec"] if one["spec"][path] != before.get(path)}
        self.owners[namespace, name].setdefault(manager, set()).update(paths)

    def writes(self) -> list[tuple[str, str]]:
        """Requests that are no reads."""
        return [one for one in self.asked if one[0] != "GET"]


def _paths(spec: dict[str, Any]) -> set[str]:
    return set(spec)


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "x", "code": code}
