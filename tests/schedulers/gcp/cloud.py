"""Cloud Scheduler's API as far as its documentation tells: a gRPC server of the shipped service definition, in this process.

Wire format, paging and error mapping are the real client's. What the service checks (ids, five fields, zones, targets, masks,
states, quotas, rights) is written here from the documented rules. It fires nothing.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcAsyncIOTransport
from google.protobuf import empty_pb2

__all__ = ["PARENT", "Cloud"]

PARENT = "projects/my-shop/locations/europe-west3"
Job = scheduler_v1.Job
ITEM = r"(\*|\d{1,2}(-\d{1,2})?)"
FIELD = re.compile(rf"{ITEM}(,{ITEM})*")
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
OURS = {"ListJobs": "list", "GetJob": "get", "CreateJob": "create", "UpdateJob": "update", "DeleteJob": "delete",
        "PauseJob": "pause", "ResumeJob": "resume"}  # fmt: skip
WRITES = {"CreateJob", "UpdateJob", "DeleteJob", "PauseJob", "ResumeJob"}
Wrong = Callable[[str, Any], tuple[grpc.StatusCode, str] | None]


class Cloud:
    """``jobs`` is what is stored, ``asked`` every call; ``wrong`` may fail one, ``changes`` alters what is stored."""

    def __init__(self, *, quota: int = 5_000, rights: set[str] | None = None, ends_pauses: bool = False) -> None:
        self.jobs: dict[str, Job] = {}
        self.asked: list[str] = []
        self.quota, self.rights = quota, rights if rights is not None else set(OURS.values())
        self.ends_pauses = ends_pauses
        self.wrong: Wrong = lambda method, request: None
        self.changes: Callable[[Job], None] = lambda job: None
        self.writes_left: int | None = None  # in this minute, where it counts
        self.address = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Cloud]:
        server = grpc.aio.server()
        s, empty = scheduler_v1, (lambda message: message.SerializeToString())
        kinds: list[tuple[str, Any, Any, Any]] = [
            ("ListJobs", self._list, s.ListJobsRequest, s.ListJobsResponse.serialize),
            ("GetJob", self._get, s.GetJobRequest, Job.serialize),
            ("CreateJob", self._create, s.CreateJobRequest, Job.serialize),
            ("UpdateJob", self._update, s.UpdateJobRequest, Job.serialize),
            ("DeleteJob", self._delete, s.DeleteJobRequest, empty),
            ("PauseJob", self._pause, s.PauseJobRequest, Job.serialize),
        ]
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._guarded(name, act), request_deserializer=asked.deserialize, response_serializer=answered
            )
            for name, act, asked, answered in kinds
        }
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.cloud.scheduler.v1.CloudScheduler", handlers),)
        )
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    def client(self) -> scheduler_v1.CloudSchedulerAsyncClient:
        """The real one; a channel that is handed over needs no credentials."""
        channel = grpc.aio.insecure_channel(self.address)
        return scheduler_v1.CloudSchedulerAsyncClient(transport=CloudSchedulerGrpcAsyncIOTransport(channel=channel))

    def ids(self) -> set[str]:
        return {name.rpartition("/")[2] for name in self.jobs}

    def writes(self) -> list[str]:
        return [method for method in self.asked if method in WRITES]

    def _guarded(self, method: str, act: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            self.asked.append(method)
            wrong = self.wrong(method, request)
            if wrong is not None:
                await context.abort(*wrong)
            if OURS[method] not in self.rights:
                permission = f"cloudscheduler.jobs.{OURS[method]}"
                await context.abort(
                    grpc.StatusCode.PERMISSION_DENIED,
                    f'The principal lacks IAM permission "{permission}" for the resource',
                )
            if method in WRITES and self.writes_left is not None:
                if not self.writes_left:
                    await context.abort(
                        grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for 'Write requests per minute'"
                    )
                self.writes_left -= 1
            return await act(request, context)

        return answer

    async def _list(self, request: Any, context: Any) -> Any:
        start, size = int(request.page_token or 0), min(request.page_size or 500, 500)
        names = sorted(name for name in self.jobs if name.startswith(f"{request.parent}/jobs/"))
        more = str(start + size) if start + size < len(names) else ""
        return scheduler_v1.ListJobsResponse(
            jobs=[self.jobs[name] for name in names[start : start + size]], next_page_token=more
        )

    async def _get(self, request: Any, context: Any) -> Job:
        if request.name not in self.jobs:
            await context.abort(grpc.StatusCode.NOT_FOUND, "Job not found.")
        return self.jobs[request.name]

    async def _create(self, request: Any, context: Any) -> Job:
        job = request.job
        if job.name in self.jobs:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, f"Job {job.name} already exists.")
        if len(self.jobs) >= self.quota:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "The region's quota of jobs is exhausted.")
        await self._check(request.parent, job, context)
        return self._stored(job, Job.State.ENABLED)

    async def _update(self, request: Any, context: Any) -> Job:
        old = await self._get(request.job, context)
        new = Job(old)
        paths = list(request.update_mask.paths)
        if not paths or set(paths) & {
            "name",
            "state",
            "status",
            "schedule_time",
            "user_update_time",
            "last_attempt_time",
        }:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"update_mask: {paths}")
        for path in paths:
            setattr(new, path, getattr(request.job, path))
        await self._check(request.job.name.rpartition("/jobs/")[0], new, context)
        return self._stored(new, Job.State.ENABLED if self.ends_pauses else old.state)

    async def _delete(self, request: Any, context: Any) -> Any:
        await self._get(request, context)
        del self.jobs[request.name]
        return empty_pb2.Empty()

    async def _pause(self, request: Any, context: Any) -> Job:
        job = await self._get(request, context)
        if job.state != Job.State.ENABLED:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Only enabled jobs can be paused.")
        job.state = Job.State.PAUSED
        return job

    def _stored(self, job: Job, state: Any) -> Job:
        job.state = state
        if job.http_target.uri:
            job.http_target.headers["User-Agent"] = "Google-Cloud-Scheduler"  # what the service adds
        job.user_update_time = {"seconds": 1_767_225_600}
        self.changes(job)
        self.jobs[job.name] = job
        return job

    async def _check(self, parent: str, job: Job, context: Any) -> None:
        why = self._invalid(parent, job)
        if why:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)

    def _invalid(self, parent: str, job: Job) -> str:
        """Documented limits of a job."""
        if not re.fullmatch(rf"{re.escape(parent)}/jobs/[A-Za-z0-9_-]{{1,500}}", job.name):
            return "name"
        fields = job.schedule.split(" ")
        if len(fields) != 5 or not all(map(FIELD.fullmatch, fields)):
            return f"schedule {job.schedule}"
        for field, (low, high) in zip(fields, BOUNDS, strict=True):
            if any(not low <= int(number) <= high for number in re.findall(r"\d+", field)):
                return f"schedule {job.schedule}"
        if job.time_zone not in zoneinfo.available_timezones():
            return f"time_zone {job.time_zone}"
        if len(job.description) > 500:
            return "description"
        targets = [name for name in ("pubsub_target", "http_target", "app_engine_http_target") if name in job]
        if len(targets) != 1:
            return f"exactly one target, got {targets}"
        return self._wrong_target(parent, job)

    def _wrong_target(self, parent: str, job: Job) -> str:
        if "pubsub_target" in job:
            target = job.pubsub_target
            if not target.topic_name.startswith(parent.partition("/locations/")[0] + "/topics/"):
                return "topic of another project"
            if not target.data and not target.attributes:
                return "neither data nor attributes"
            return "" if all(len(value.encode()) <= 1_024 for value in target.attributes.values()) else "attributes"
        deadline = job.attempt_deadline.total_seconds()
        if not job.http_target.uri.startswith(("http://", "https://")) or len(job.http_target.uri) > 2_083:
            return "uri"
        return "" if 15 <= deadline <= 1_800 else "attempt_deadline"
