"""What is due when: a heap of next occurrences that can be changed at any place in O(log n). Pure: the time is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import count

from purista.recurrence import Recurrence

__all__ = ["Slot", "Timetable"]

FEW = 8
"""One in so many of the heap's items new or stale: it is made anew in one go instead."""


class Slot:
    """One schedule's place in the timetable.

    ``number`` names the heap item that stands for it, 0 none: it is being called, or nothing is due any more. Items with
    another number are stale. ``owed`` counts the calls in a row that brought no answer.
    """

    __slots__ = ("busy", "key", "number", "owed", "recurrence")

    def __init__(self, key: str, recurrence: Recurrence) -> None:
        self.key, self.recurrence = key, recurrence
        self.number, self.owed, self.busy = 0, 0, False


class Timetable:
    """Schedules, soonest first. Instants are epoch milliseconds; occurrences lie on whole seconds.

    A schedule is in the heap once, or *busy*: taken by :meth:`due` until :meth:`done` or :meth:`later` gives it back.
    Adding, changing, removing and taking cost O(log n); what is changed or removed leaves a stale item behind, and when
    these are many the heap is cleaned.
    """

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._heap: list[tuple[int, int, Slot]] = []
        self._numbers = count(1)
        self._stale = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    @property
    def head(self) -> int | None:
        """When the next one is due; None: nothing is, unless somebody gives something back."""
        heap = self._heap
        while heap and heap[0][2].number != heap[0][1]:
            heappop(heap)
            self._stale -= 1
        return heap[0][0] if heap else None

    def put(self, key: str, recurrence: Recurrence, base: int) -> None:
        """Add a schedule, due from ``base`` (ms, exclusive) on, or change its rule.

        Take what is due first: a changed rule forgets when its schedule was due under the old one.
        """
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(key, recurrence)
        elif slot.recurrence == recurrence:
            return
        else:
            slot.recurrence = recurrence
            if slot.busy or slot.owed:
                return  # it will be asked for its next occurrence when it comes back
            self._drop(slot)
        self._follow(slot, base)
        self._clean()

    def update(self, rules: Mapping[str, Recurrence | None], base: int, *, whole: bool) -> None:
        """Work in what changed; None: removed. With ``whole`` what is not named is removed, too. Take what is due first."""
        slots = self._slots
        if whole:
            for key in [key for key in slots if key not in rules]:
                self.remove(key)
        new: list[tuple[str, Recurrence]] = []
        for key, rule in rules.items():
            slot = slots.get(key)
            if rule is None:
                self.remove(key)
            elif slot is None:
                new.append((key, rule))
            elif slot.recurrence is not rule:
                self.put(key, rule, base)
        self.extend(new, base)

    def extend(self, rules: Iterable[tuple[str, Recurrence]], base: int) -> None:
        """Add many schedules that are not there yet: their items first, then the heap's order in one go."""
        seconds, slots, numbers = base // 1000, self._slots, self._numbers
        items: list[tuple[int, int, Slot]] = []
        for key, rule in rules:
            slots[key] = slot = Slot(key, rule)
            following = rule.next_timestamp(seconds)
            if following is not None:
                slot.number = number = next(numbers)
                items.append((following * 1000, number, slot))
        if len(items) * FEW > len(self._heap):
            self._heap += items
            heapify(self._heap)
        else:
            for item in items:
                heappush(self._heap, item)

    def remove(self, key: str) -> None:
        """Forget a schedule; unknown ones are no error."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._drop(slot)
            self._clean()

    def due(self, now: int) -> list[Slot]:
        """Take what is due, each schedule once however much of it is, soonest first."""
        heap, found = self._heap, []
        while heap and heap[0][0] <= now:
            _, number, slot = heappop(heap)
            if slot.number == number:
                slot.number, slot.busy = 0, True
                found.append(slot)
            else:
                self._stale -= 1
        return found

    def done(self, called: Iterable[tuple[Slot, int]]) -> None:
        """Give back what was called: each is due again at its first occurrence after its base (ms)."""
        known, heap, numbers = self._slots, self._heap, self._numbers
        for slot, base in called:
            slot.busy, slot.owed = False, 0
            if known.get(slot.key) is slot:
                following = slot.recurrence.next_timestamp(base // 1000)
                if following is not None:
                    slot.number = number = next(numbers)
                    heappush(heap, (following * 1000, number, slot))

    def later(self, slot: Slot, at: int) -> None:
        """Give back what got no answer: it is called again at ``at``, which then decides whatever is due by then."""
        slot.busy = False
        slot.owed += 1
        if self._slots.get(slot.key) is slot:
            self._push(slot, at)

    def following(self, slot: Slot, base: int) -> int | None:
        """The slot's first occurrence after ``base`` (ms)."""
        found = slot.recurrence.next_timestamp(base // 1000)
        return None if found is None else found * 1000

    def rebuild(self, now: int) -> None:
        """The clock was set back to ``now``: what follows is found again from there.

        What is due stays due, and what got no answer is called at once. What is busy finds its place when it comes back.
        """
        pending = {slot.key: at for at, number, slot in self._heap if slot.number == number and at <= now}
        items: list[tuple[int, int, Slot]] = []
        for slot in self._slots.values():
            if slot.busy:
                continue
            at = now if slot.owed else pending.get(slot.key)
            if at is None:
                at = self.following(slot, now)
            slot.number = 0
            if at is not None:
                slot.number = next(self._numbers)
                items.append((at, slot.number, slot))
        heapify(items)
        self._heap, self._stale = items, 0

    def _follow(self, slot: Slot, base: int) -> None:
        following = self.following(slot, base)
        if following is not None:
            self._push(slot, following)

    def _push(self, slot: Slot, at: int) -> None:
        slot.number = number = next(self._numbers)
        heappush(self._heap, (at, number, slot))

    def _drop(self, slot: Slot) -> None:
        if slot.number:
            slot.number = 0
            self._stale += 1

    def _clean(self) -> None:
        """Throw stale items away when they are half of the heap: O(1) for each change, on average."""
        if self._stale > FEW and self._stale * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].number == item[1]]
            heapify(self._heap)
            self._stale = 0
