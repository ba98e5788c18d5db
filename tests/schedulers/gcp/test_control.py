"""What is live in a location: only ours is touched, unchanged costs nothing, and what cannot be done is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from google.cloud.scheduler_v1 import Job

from purista.errors import RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Compiled, Owner
from purista.schedulers.gcp.control import GcpControl, in_reach
from tests.schedulers.gcp.cloud import PARENT, Cloud
from tests.schedulers.gcp.world import DOOR, OWNER, dialect, schedule

OTHER = Owner("other", "test", "")


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with Cloud().open() as cloud:
        yield cloud


def control(cloud: Cloud, *, quota: int = 5_000, pauses: list[float] | None = None) -> GcpControl:
    async def at_once(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    return GcpControl(cloud.client, parent=PARENT, quota=quota, pause=at_once)


def compiled(*names: str, hour: int = 5, owner: Owner = OWNER, **options: Any) -> Compiled:
    """A job for each name, and the owner's sweep."""
    return dialect(**options).compile(owner, [schedule(Cron(f"0 {hour} * * *"), "UTC", name) for name in names])


def stranger(name: str = "theirs", **fields: Any) -> Job:
    return Job(
        name=f"{PARENT}/jobs/{name}",
        schedule="every 5 minutes",
        description="not ours",
        state=Job.State.ENABLED,
        **fields,
    )


async def test_created_unchanged_changed_and_gone(cloud: Cloud) -> None:
    live = control(cloud)
    assert await live.apply(OWNER, compiled("a", "b")) == Applied(created=3, written=3)
    cloud.asked.clear()
    assert await live.apply(OWNER, compiled("a", "b")) == Applied(unchanged=3)
    assert cloud.asked == ["ListJobs"]
    assert await live.apply(OWNER, compiled("a", "b", hour=6)) == Applied(updated=2, unchanged=1, written=2)
    assert await live.apply(OWNER, compiled("b", hour=6)) == Applied(deleted=1, unchanged=2, written=1)
    assert await live.apply(OWNER, Compiled((), ())) == Applied(deleted=2, written=2)
    assert not cloud.jobs


async def test_jobs_over_http_too(cloud: Cloud) -> None:
    live, wanted = control(cloud), compiled("a", target=DOOR)
    assert (await live.apply(OWNER, wanted)).created == 1
    assert (await live.apply(OWNER, wanted)).unchanged == 1
    (job,) = cloud.jobs.values()
    assert job.http_target.uri == "https://gateway.example.com/schedules/user/1/a/trigger"
    assert (await live.apply(OWNER, compiled("a", target=DOOR, deadline_s=90))).updated == 1
    assert (await live.apply(OWNER, compiled("a"))).written == 2  # and to Pub/Sub, with a sweep
    assert {"pubsub_target" in job for job in cloud.jobs.values()} == {True}


async def test_many_are_listed_in_pages(cloud: Cloud) -> None:
    many = compiled(*(f"s{number}" for number in range(510)))
    assert (await control(cloud).apply(OWNER, many)).created == 511
    cloud.asked.clear()
    assert (await control(cloud).apply(OWNER, many)).written == 0
    assert cloud.asked == ["ListJobs"] * 2


async def test_what_carries_another_mark_is_left_alone(cloud: Cloud) -> None:
    live, mine = control(cloud), compiled("a")
    await live.apply(OTHER, compiled("a", owner=OTHER))
    cloud.jobs[stranger().name] = stranger()
    await live.apply(OWNER, mine)
    await live.apply(OWNER, Compiled((), ()))
    assert len(await live.list(OTHER)) == 2
    assert stranger().name in cloud.jobs


@pytest.mark.parametrize("already", [True, False], ids=["before", "meanwhile"])
async def test_a_name_of_somebody_else_is_never_taken_over(cloud: Cloud, already: bool) -> None:
    mine = compiled("a")
    foreign = stranger(mine.entries[0].name)

    def meanwhile(method: str, request: Any) -> None:
        if already or method == "CreateJob":
            cloud.jobs[foreign.name] = foreign

    cloud.wrong = meanwhile
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await control(cloud).apply(OWNER, mine)
    assert cloud.jobs[foreign.name].description == "not ours"
    assert not already or not cloud.writes()


async def test_an_edit_by_hand_is_drift_and_taken_back(cloud: Cloud) -> None:
    live, wanted = control(cloud), compiled("a", target=DOOR)
    await live.apply(OWNER, wanted)
    edits: list[Callable[[Job], object]] = [
        lambda job: setattr(job, "time_zone", "Europe/Paris"),
        lambda job: setattr(job.retry_config, "retry_count", 1),
        lambda job: job.http_target.headers.update({"X-Extra": "1"}),
        lambda job: setattr(job.http_target.oidc_token, "audience", "https://elsewhere.example.com"),
    ]
    for edit in edits:
        edit(*cloud.jobs.values())
        assert [entry.digest for entry in await live.list(OWNER)] == [None]
        assert (await live.apply(OWNER, wanted)).updated == 1
        assert [entry.digest for entry in await live.list(OWNER)] == [wanted.entries[0].digest]


async def test_an_update_that_failed_half_way_is_made_again(cloud: Cloud) -> None:
    live, wanted = control(cloud), compiled("a", target=DOOR)
    await live.apply(OWNER, wanted)
    next(iter(cloud.jobs.values())).state = Job.State.UPDATE_FAILED
    assert [entry.digest for entry in await live.list(OWNER)] == [None]
    cloud.ends_pauses = True
    assert (await live.apply(OWNER, wanted)).updated == 1


@pytest.mark.parametrize("ends_pauses", [True, False])
async def test_a_pause_by_hand_is_shown_and_kept(cloud: Cloud, ends_pauses: bool) -> None:
    live, cloud.ends_pauses = control(cloud), ends_pauses
    await live.apply(OWNER, compiled("a", target=DOOR))
    (name,) = cloud.jobs
    cloud.jobs[name].state = Job.State.PAUSED
    (entry,) = await live.list(OWNER)
    assert (entry.paused, entry.digest is not None) == (True, True)
    assert (await live.apply(OWNER, compiled("a", target=DOOR))).written == 0
    assert (await live.apply(OWNER, compiled("a", hour=7, target=DOOR))).updated == 1
    assert (cloud.jobs[name].state, cloud.jobs[name].schedule) == (Job.State.PAUSED, "0 7 * * *")


async def test_what_comes_back_otherwise_is_not_believed(cloud: Cloud) -> None:
    cloud.changes = lambda job: setattr(job, "time_zone", "Europe/Paris")
    with pytest.raises(RegistrationMismatch, match="2 jobs are not what was written"):
        await control(cloud).apply(OWNER, compiled("a"))


@pytest.mark.parametrize("missing", ["list", "create", "update", "delete", "pause"])
async def test_a_missing_permission_is_named_and_not_asked_for_again(cloud: Cloud, missing: str) -> None:
    live, cloud.ends_pauses = control(cloud), True
    await live.apply(OWNER, compiled("a", "b"))
    for job in cloud.jobs.values():
        job.state = Job.State.PAUSED
    cloud.rights.discard(missing)
    cloud.asked.clear()
    with pytest.raises(RegistrationError, match=rf"needs cloudscheduler\.jobs\.{missing}"):
        await live.apply(OWNER, compiled("a", "new", hour=6))
    assert cloud.asked.count(f"{missing.capitalize()}Job{'s' if missing == 'list' else ''}") == 1


async def test_preflight_says_what_would_stop_an_apply(cloud: Cloud) -> None:
    assert await control(cloud).preflight() == []
    cloud.rights.clear()
    (finding,) = await control(cloud).preflight()
    assert (finding.code, "cloudscheduler.jobs.list" in finding.message) == ("G201", True)


async def test_what_the_service_calls_invalid_is_not_repeated(cloud: Cloud) -> None:
    cloud.wrong = lambda method, request: (grpc.StatusCode.INVALID_ARGUMENT, "bad") if method == "CreateJob" else None
    with pytest.raises(RegistrationError, match=r"did not take it \(create, INVALID_ARGUMENT\): bad"):
        await control(cloud).apply(OWNER, compiled("a", target=DOOR))
    assert cloud.writes() == ["CreateJob"]


async def test_a_service_that_is_busy_is_asked_again(cloud: Cloud) -> None:
    codes = grpc.StatusCode
    left = [codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED, codes.INTERNAL, codes.UNAVAILABLE]
    cloud.wrong = lambda method, request: (left.pop(), "busy") if left else None
    pauses: list[float] = []
    assert (await control(cloud, pauses=pauses).apply(OWNER, compiled("a", target=DOOR))).created == 1
    assert len(pauses) == 4


async def test_the_rate_of_writes_is_kept_to_by_waiting(cloud: Cloud) -> None:
    """500 writes a minute; the fake's minute ends when somebody has waited for it."""
    cloud.writes_left = 100
    waited = 0.0

    async def pause(seconds: float) -> None:
        nonlocal waited
        waited += seconds / 8  # so many wait at once
        if waited > 7:
            waited, cloud.writes_left = 0.0, 100

    live = GcpControl(cloud.client, parent=PARENT, quota=5_000, pause=pause)
    assert (await live.apply(OWNER, compiled(*(f"s{number}" for number in range(250))))).created == 251


async def test_no_service_is_an_error_with_words(cloud: Cloud) -> None:
    cloud.address = "127.0.0.1:1"
    with pytest.raises(SchedulerUnavailable, match="none in reach"):
        await control(cloud).preflight()


async def test_a_location_that_would_be_full_is_left_as_it_is(cloud: Cloud) -> None:
    for number in range(8):
        cloud.jobs[stranger(f"x{number}").name] = stranger(f"x{number}")
    with pytest.raises(RegistrationError, match="11 jobs would be more than the 10"):
        await control(cloud, quota=10).apply(OWNER, compiled("a", "b"))
    assert not cloud.writes()
    assert (await control(cloud, quota=10).apply(OWNER, compiled("a"))).created == 2


async def test_replicas_at_once_end_in_one_state(cloud: Cloud) -> None:
    wanted = compiled("a", "b", "c")
    await asyncio.gather(*(control(cloud).apply(OWNER, wanted) for _ in range(3)))
    assert {entry.digest for entry in await control(cloud).list(OWNER)} == {entry.digest for entry in wanted.entries}


async def test_one_that_somebody_else_deleted_is_no_error(cloud: Cloud) -> None:
    live = control(cloud)
    await live.apply(OWNER, compiled("a", target=DOOR))

    def vanish(method: str, request: Any) -> None:
        if method == "DeleteJob":
            cloud.jobs.clear()

    cloud.wrong = vanish
    assert (await live.apply(OWNER, Compiled((), ()))).deleted == 1


def test_no_credentials_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(RegistrationError, match="application default credentials"):
        in_reach()


async def test_what_is_not_said_means_its_default(cloud: Cloud) -> None:
    """Whether the service returns a duration of nothing, or leaves it out, is no difference."""
    live, wanted = control(cloud), compiled("a", target=DOOR)
    cloud.changes = lambda job: Job.pb(job).retry_config.ClearField("max_retry_duration")
    assert (await live.apply(OWNER, wanted)).created == 1
    assert (await live.apply(OWNER, wanted)).unchanged == 1
