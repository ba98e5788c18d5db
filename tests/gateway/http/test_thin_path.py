"""A scheduler's call over HTTP, from a signed request to the one message."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.http.door import KEY, TOKEN, door, listening


async def test_a_signed_call_publishes_and_says_202():
    async with door() as d:
        d.house.at("10:00")
        answer = await d.trigger()
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["schedule"], told["answer"], told["published"]) == (KEY, "accepted", True)
        assert [(one["decision"], one["scheduledAt"]) for one in told["decided"]] == [
            ("published", "2026-06-01T10:00:00.000Z")
        ]
        row = (await d.house.rows())[0]
        assert (row.source, row.occurrence_id) == ("http:cron-host", told["decided"][0]["occurrenceId"])


async def test_every_decided_no_is_200():
    async with door() as d:
        d.house.at("10:00")
        assert (await d.trigger()).status_code == 202
        again = await d.trigger(id="msg-2")
        assert (again.status_code, again.json()["answer"], again.json()["published"]) == (200, "duplicate", False)
        d.house.at("10:20")
        nothing = await d.trigger(scheduledAt="2026-06-01T10:07:00Z", id="msg-3")
        assert (nothing.status_code, nothing.json()["answer"]) == (200, "not_due")


async def test_overlap_late_and_pause_are_200_and_say_which():
    async with door(start_deadline=60) as d:
        d.house.at("10:00")
        await d.trigger()
        overlap = await d.post("run", id="msg-2")
        assert (overlap.status_code, overlap.json()["decided"][0]["decision"]) == (200, "skipped_overlap")
        await d.house.work()
        d.house.at("12:30")
        late = await d.trigger(id="msg-3")
        assert (late.status_code, late.json()["decided"][0]["decision"]) == (200, "late")
        assert (await d.post("pause", id="msg-4", reason="the database moves")).status_code == 200
        d.house.at("13:00")
        paused = await d.trigger(id="msg-5")
        assert (paused.status_code, paused.json()["decided"][0]["decision"]) == (200, "paused")


async def test_an_occurrence_ahead_is_503_with_the_time_to_wait():
    async with door() as d:
        answer = await d.trigger(scheduledAt="2026-06-01T10:00:00Z")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1800")
        assert answer.json()["answer"] == "retry"


async def test_an_unknown_schedule_is_503_for_a_while_and_then_404():
    async with door() as d:
        path = "/schedules/s/1/nothing/trigger"
        first = await d.bear(TOKEN, path)
        assert (first.status_code, first.headers["retry-after"]) == (503, "5")
        d.house.at("09:40")
        assert (await d.bear(TOKEN, path)).status_code == 404


@pytest.mark.parametrize("path", [f"/schedules/{KEY}/trigger", f"/schedules/{KEY.replace('/', '%2F')}/trigger"])
async def test_a_key_may_be_escaped_in_the_address(path):
    async with door() as d:
        d.house.at("10:00")
        async with listening(d.app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            answer = await client.post(path, headers={"authorization": f"Bearer {TOKEN}"})
            assert (answer.status_code, answer.json()["schedule"]) == (202, KEY)
