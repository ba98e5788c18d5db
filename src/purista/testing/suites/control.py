"""The laws of :class:`~purista.schedulers.base.Control`."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from purista.errors import RegistrationError
from purista.recurrence import Cron
from purista.schedulers.base import Compiled, Control, Dialect, Owner, Severity
from purista.testing.suites.dialect import OWNER, declared

__all__ = ["ControlSuite"]

STAGING = Owner("user", "staging", "ledger-1")


class ControlSuite:
    """Subclass it and write ``make`` and ``dialect``; every test gets a scheduler of its own, empty but for strangers.

    ``broken`` makes the scheduler refuse changes (a folder without rights, an API that answers 403), if you can.
    """

    can_break = False
    names_ledger = False
    """Whether another ledger of the same environment is refused. Else what it writes must be its own."""

    async def make(self) -> Control:
        """A control over an empty scheduler."""
        raise NotImplementedError

    def dialect(self) -> Dialect:
        """What compiles for it."""
        raise NotImplementedError

    async def strangers(self) -> Any:
        """Everything in the scheduler that is nobody's of ours, to be compared. Put some in beforehand."""
        return None

    async def broken(self) -> Control:
        """A control whose scheduler refuses changes. Only with ``can_break``."""
        raise NotImplementedError

    @pytest.fixture
    async def control(self) -> Control:
        """The control under test."""
        return await self.make()

    def compiled(self, *texts: str, owner: Owner = OWNER) -> Compiled:
        """Entries for a schedule per cron text."""
        return self.dialect().compile(owner, [declared(f"s{n}", Cron(text)) for n, text in enumerate(texts)])

    async def live(self, control: Control, owner: Owner = OWNER) -> dict[str, str | None]:
        """Name → digest."""
        return {entry.name: entry.digest for entry in await control.list(owner)}

    async def test_what_was_applied_is_live(self, control: Control) -> None:
        """With the digests that were compiled: so they are compared the next time."""
        wanted = self.compiled("0 5 * * *", "0 6 * * *")
        applied = await control.apply(OWNER, wanted)
        assert applied.created == len(wanted.entries)
        assert applied.written >= 1
        assert await self.live(control) == {entry.name: entry.digest for entry in wanted.entries}

    async def test_equal_is_not_written(self, control: Control) -> None:
        """A service that starts for the hundredth time changes nothing."""
        await control.apply(OWNER, self.compiled("0 5 * * *"))
        again = await control.apply(OWNER, self.compiled("0 5 * * *"))
        assert (again.created, again.updated, again.deleted, again.written) == (0, 0, 0, 0)
        assert again.unchanged == len(self.compiled("0 5 * * *").entries)

    async def test_what_changed_is_changed_and_nothing_else(self, control: Control) -> None:
        """The untouched entries stay as they are."""
        before, wanted = self.compiled("0 5 * * *", "0 6 * * *"), self.compiled("0 5 * * *", "17 7 * * *")
        same = {(e.name, e.digest) for e in before.entries} & {(e.name, e.digest) for e in wanted.entries}
        await control.apply(OWNER, before)
        applied = await control.apply(OWNER, wanted)
        assert applied.unchanged == len(same)
        assert applied.created + applied.updated == len(wanted.entries) - len(same)
        assert await self.live(control) == {entry.name: entry.digest for entry in wanted.entries}

    async def test_the_last_one_takes_everything_with_it(self, control: Control) -> None:
        """No sweep calls for ever for a service that has no schedules any more."""
        await control.apply(OWNER, self.compiled("0 5 * * *"))
        applied = await control.apply(OWNER, self.compiled())
        assert applied.deleted >= 1
        assert await self.live(control) == {}
        assert (await control.apply(OWNER, self.compiled())).written == 0

    async def test_other_owners_are_left_alone(self, control: Control) -> None:
        """The same service in another environment is another owner."""
        theirs = self.compiled("0 9 * * *", owner=STAGING)
        await control.apply(STAGING, theirs)
        await control.apply(OWNER, self.compiled("0 5 * * *"))
        await control.apply(OWNER, self.compiled())
        assert await self.live(control, STAGING) == {entry.name: entry.digest for entry in theirs.entries}

    async def test_another_ledger_takes_nothing_away(self, control: Control) -> None:
        """A developer's file against production: two ledgers would each decide on their own."""
        mine = self.compiled("0 5 * * *")
        await control.apply(OWNER, mine)
        other = Owner(OWNER.service, OWNER.environment, "ledger-2")
        for texts in (["0 6 * * *"], []):
            refused = pytest.raises(RegistrationError, match="ledger-2") if self.names_ledger else nullcontext()
            with refused:
                await control.apply(other, self.compiled(*texts, owner=other))
        assert await self.live(control) == {entry.name: entry.digest for entry in mine.entries}

    async def test_strangers_are_left_alone(self, control: Control) -> None:
        """What does not carry our mark is not listed, not changed and not deleted."""
        before = await self.strangers()
        assert await self.live(control) == {}
        for texts in (["0 5 * * *"], ["0 6 * * *"], []):
            await control.apply(OWNER, self.compiled(*texts))
        assert await self.strangers() == before

    async def test_several_at_once_end_as_one(self, control: Control) -> None:
        """Replicas start together: all apply the same, and it is there once."""
        wanted = self.compiled("0 5 * * *", "0 6 * * *")
        await asyncio.gather(*(control.apply(OWNER, wanted) for _ in range(5)))
        assert await self.live(control) == {entry.name: entry.digest for entry in wanted.entries}
        assert len(await control.list(OWNER)) == len(wanted.entries)

    async def test_nothing_stops_an_apply_here(self, control: Control) -> None:
        """Where it works, preflight has nothing to refuse; it changes nothing."""
        assert not [f for f in await control.preflight() if f.severity is Severity.REFUSED]
        assert await self.live(control) == {}

    async def test_what_cannot_be_written_is_said(self) -> None:
        """As an error of ours, and preflight knew it."""
        if not self.can_break:
            pytest.skip("this scheduler cannot be made to refuse (can_break)")
        control = await self.broken()
        assert [f for f in await control.preflight() if f.severity is Severity.REFUSED]
        with pytest.raises(RegistrationError):
            await control.apply(OWNER, self.compiled("0 5 * * *"))
