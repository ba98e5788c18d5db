"""From claim to publication, where ledger and bridge are two: send with confirmation, then write down what was confirmed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from purista.delivery import readable
from purista.errors import LedgerError
from purista.gateway.confirm import Mark, claimed_view, confirm
from purista.ledgers.base import Change, Ledger, LedgerView, Outgoing, RunRef

__all__ = ["STALE_TRIES", "Publisher", "Publishing"]

log = logging.getLogger("purista.gateway")
STALE_TRIES = 50


class Publisher(Protocol):
    """What the gateway needs of a bridge that does not share the ledger's file."""

    async def publish_raw(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        """Send with confirmation; per message None or why it failed."""
        ...


class Publishing:
    """Sends the messages of committed claims, many at once. Whoever dies in the middle leaves claims that run out: the next
    caller sends the same ids and bytes again.
    """

    def __init__(self, ledger: Ledger, publisher: Publisher) -> None:
        self._ledger, self._publisher = ledger, publisher

    async def publish(self, claimed: Sequence[tuple[Change, LedgerView]]) -> dict[str, str]:
        """Send and mark; by lineage why one of its messages failed.

        :raises LedgerError: what was confirmed could not be written down; it will be sent again when its claim runs out.
        """
        sent = [(change, view, message) for change, view in claimed for message in change.outbox]
        views = {view.lineage.key: claimed_view(change, view) for change, view in claimed}
        results = await self._sent([message for _, _, message in sent])
        failed: dict[str, str] = {}
        marks: dict[str, list[Mark]] = {}
        for (change, view, message), error in zip(sent, results, strict=True):
            if error is not None:
                failed[change.lineage] = readable(str(error))
            mark = Mark(_ref(change, message), change.fence, error is None)
            marks.setdefault(view.lineage.key, []).append(mark)
        await self._mark(marks, views)
        return failed

    async def _sent(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        if not messages:
            return ()
        try:
            return await self._publisher.publish_raw(messages)
        except Exception as error:
            log.exception("cannot publish", extra={"action": "publish_failed"})
            return [error] * len(messages)

    async def _mark(self, marks: dict[str, list[Mark]], views: Mapping[str, LedgerView | None]) -> None:
        """Of all lineages in one commit; those that somebody changed meanwhile are looked at again.

        Nobody waits for the disk: a mark that a crash of the machine takes is a claim that runs out, and is sent again.
        """
        for _ in range(STALE_TRIES):
            now = self._ledger.clock.now()
            changes = {
                key: change
                for key, of_one in marks.items()
                if (view := views[key]) is not None and (change := confirm(view, of_one, now)) is not None
            }
            won = await self._ledger.commit(list(changes.values()), durable=False) if changes else ()
            marks = {key: marks[key] for key, good in zip(changes, won, strict=True) if not good}
            if not marks:
                return
            found = await self._ledger.load(list(marks), [mark.ref for of_one in marks.values() for mark in of_one])
            views = dict(zip(marks, found, strict=True))
        raise LedgerError(
            f"the ledger is too busy: {STALE_TRIES} attempts to mark {len(marks)} lineages were overtaken"
        )


def _ref(change: Change, message: Outgoing) -> RunRef:
    row = next(row for row in change.rows if row.occurrence_id == message.occurrence_id)
    return RunRef(row.occurrence_id, row.scheduled_at)
