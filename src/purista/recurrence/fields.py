"""The five fields of a cron expression: text → numbers, with errors that say what to write instead.

Grammar and meaning are Debian cron's (``crontab(5)``, 3.0pl1), less what it accepts but never fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from purista.errors import InvalidExpression

__all__ = ["FIELDS", "WORDS", "CronField", "FieldSpec", "Token", "parse_field", "parse_mask"]

_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_LONG_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = {name[:3]: n for n, name in enumerate(_LONG_MONTHS, 1)}
_DAYS = {name[:3]: n for n, name in enumerate(_LONG_DAYS)}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What a field may hold."""

    name: str
    low: int
    high: int
    names: dict[str, int]
    hint: str = ""


FIELDS = (
    FieldSpec("minute", 0, 59, {}),
    FieldSpec("hour", 0, 23, {}),
    FieldSpec("day", 1, 31, {}),
    FieldSpec("month", 1, 12, _MONTHS, " (or jan to dec)"),
    FieldSpec("weekday", 0, 7, _DAYS, ", where 0 and 7 are Sunday (or sun to sat)"),
)
# Stars and single values, as most fields are written: text → mask.
WORDS: tuple[dict[str, int], ...] = tuple(
    {"*": (2 << spec.high) - (1 << spec.low)}
    | {f"{n:0{width}d}": 1 << n for n in range(spec.low, spec.high + 1) for width in (1, 2)}
    | {form: 1 << n for name, n in spec.names.items() for form in (name, name.upper(), name.title())}
    for spec in FIELDS
)
WORDS[4].update({"*": 127, "7": 1, "07": 1})  # Sunday


@dataclass(frozen=True, slots=True)
class Token:
    """One item of a field's list: ``start``-``end``/``step``. ``star`` stands for the whole range."""

    start: int
    end: int
    step: int = 1
    star: bool = False

    def text(self) -> str:
        """Numbers only, as every cron reads them."""
        if self.star:
            return "*" if self.step == 1 else f"*/{self.step}"
        if self.start == self.end:
            return str(self.start)
        return f"{self.start}-{self.end}" + ("" if self.step == 1 else f"/{self.step}")


@dataclass(frozen=True, slots=True)
class CronField:
    """A field as written: its items, and the values they come to (weekdays 0 to 6 from Sunday)."""

    name: str
    items: tuple[Token, ...]
    values: tuple[int, ...]

    @property
    def starts_with_star(self) -> bool:
        """Debian's test for "unrestricted" and for wildcard jobs: the first character, nothing else."""
        return self.items[0].star

    @property
    def restricted(self) -> bool:
        """Whether the field restricts days in the sense of the day-or-weekday rule."""
        return not self.items[0].star

    @property
    def is_wildcard(self) -> bool:
        """Same as :attr:`starts_with_star`."""
        return self.items[0].star

    def text(self) -> str:
        """The field with numbers only; parsing it again gives the same values and the same first character."""
        return ",".join(item.text() for item in self.items)


def parse_mask(text: str, index: int, position: int) -> int:
    """The values of a field as a bit mask (bit ``n`` for value ``n``; Sunday is bit 0).

    :raises InvalidExpression: naming field, text, position and fix.
    """
    known = WORDS[index]
    single = known.get(text)
    if single is not None:
        return single
    mask = 0
    for part in text.split(","):
        single = known.get(part)
        if single is None:
            start, end, step, _ = _span(part, text, index, position)
            single = ((2 << end) - (1 << start)) if step == 1 else sum(1 << n for n in range(start, end + 1, step))
        mask |= single
        position += len(part) + 1
    return mask if index != 4 else (mask | mask >> 7) & 127


@lru_cache(maxsize=4096)
def parse_field(text: str, index: int, position: int = 0) -> CronField:
    """A field with its items.

    :raises InvalidExpression: naming field, text, position and fix.
    """
    mask = parse_mask(text, index, position)
    values = tuple(n for n in range(60) if mask >> n & 1)
    items = tuple(Token(*_span(part, text, index, position)) for part in text.split(","))
    return CronField(FIELDS[index].name, items, values)


def _span(part: str, text: str, index: int, position: int) -> tuple[int, int, int, bool]:
    """Start, end and step of one item of a list, and whether it is a star."""
    spec = FIELDS[index]
    if not part:
        raise _error(spec, text, position, "an empty list item", "remove the comma too many")
    body, slash, step_text = part.partition("/")
    if body == "*":
        step = _step(step_text, part, spec, position + 2) if slash else 1
        return spec.low, spec.high if index != 4 else 6, step, True
    low, dash, high = body.partition("-")
    start = _value(low, part, spec, position)
    end = _value(high, part, spec, position + len(low) + 1) if dash else start
    step = _step(step_text, part, spec, position + len(body) + 1) if slash else 1
    if slash and not dash:
        raise _error(spec, part, position, "a step needs a range", f"write {low}-{spec.high}/{step}")
    if start > end:
        raise _backwards(spec, part, position, low, high, step)
    return start, end, step, False


def _backwards(spec: FieldSpec, part: str, position: int, low: str, high: str, step: int) -> InvalidExpression:
    """A range that passes the end of its field, and the two that were meant."""
    start, end = _value(low, part, spec, position), _value(high, part, spec, position)
    top = 6 if spec.name == "weekday" else spec.high
    if step > 1:
        size = top - spec.low + 1
        wrapped = range(start, (max(end, spec.low)) + size + 1, step)
        fix = "write " + ",".join(str((value - spec.low) % size + spec.low) for value in wrapped)
    elif start > top:  # 7-1: Sunday is the first day as well
        fix = f"write {_run(0, '0', end, high)}"
    else:
        fix = f"write {_run(start, low, top, _top(spec, low))},{_run(spec.low, _bottom(spec, high), end, high)}"
        if spec.name == "weekday" and end == 0:
            fix += f" or {start}-7"
    what = "the range runs backwards; Debian cron accepts it and never fires"
    if spec.name == "weekday" and end == 0:
        what = "the range runs backwards, because sun is 0; Debian cron accepts it and never fires"
    return _error(spec, part, position, what, fix)


def _run(start: int, low: str, end: int, high: str) -> str:
    return low if start == end else f"{low}-{high}"


def _top(spec: FieldSpec, like: str) -> str:
    if like.isdigit():
        return str(6 if spec.name == "weekday" else spec.high)
    return "sat" if spec.name == "weekday" else "dec"


def _bottom(spec: FieldSpec, like: str) -> str:
    if like.isdigit():
        return str(spec.low)
    return "sun" if spec.name == "weekday" else "jan"


def _step(text: str, part: str, spec: FieldSpec, position: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        step = int(text)
        if step:
            return step
        raise _error(spec, part, position, "a step of 0 never moves on", "write a step of 1 or more")
    body, first = part.partition("/")[0], text.partition("/")[0]
    if body != "*" and "-" not in body:
        body = f"{body}-{spec.high}"
    if "/" in text and first.isdigit():
        raise _error(spec, part, position, "an item has one step", f"write {body}/{first}")
    got = f", got {text!r:.40}" if text else ""
    raise _error(spec, part, position, f"expected a step, a whole number of 1 or more{got}", f"write {body}/5")


def _value(text: str, part: str, spec: FieldSpec, position: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        number = int(text)
        if spec.low <= number <= spec.high:
            return number
    named = spec.names.get(text.lower())
    if named is not None:
        return named
    raise _foreign(text, part, spec, position)


def _foreign(text: str, part: str, spec: FieldSpec, position: int) -> InvalidExpression:
    """What is no value here: other dialects, slips of the pen; each with the form to write."""
    found = _other_names(text, spec) or _other_dialects(part, spec) or _other_shapes(part, spec)
    if found is not None:
        return _error(spec, part, position, *found)
    got = "" if text == part else f", got {text!r:.40}"
    fix = f"write a number from {spec.low} to {spec.high}"
    if (spec.name, text) in {("minute", "60"), ("hour", "24")}:
        fix = "write 0, the full hour" if text == "60" else "write 0, midnight"
    return _error(spec, part, position, f"expected {spec.low}-{spec.high}{spec.hint}{got}", fix)


def _other_names(text: str, spec: FieldSpec) -> tuple[str, str] | None:
    name = text.lower()
    long = next((long for long in (*_LONG_MONTHS, *_LONG_DAYS) if len(name) > 3 and f"{long}s".startswith(name)), name)
    short = "thu" if name == "thurs" else long[:3] if long != name or name in (*_LONG_MONTHS, *_LONG_DAYS) else name
    home = next((other for other in FIELDS if short in other.names), None)
    if home is None:
        return None
    if home is spec:
        return "names have three letters", f"write {short}"
    return (
        f"{text!r} is a {home.name}",
        f"write it in the {home.name} field, and here a number from {spec.low} to {spec.high}",
    )


def _other_dialects(part: str, spec: FieldSpec) -> tuple[str, str] | None:
    upper = part.upper()
    if "?" in part:
        return "`?` is AWS and Quartz", "write *"
    if "#" in part:
        return "`#` (n-th weekday) is Quartz; Debian cron ignores the number", _nth(part)
    if "~" in part or upper == "H" or upper.startswith(("H/", "H(")):
        whose = "`~` (random) is cronie" if "~" in part else "`H` (hash) is Jenkins"
        return whose, "write a fixed value; jitter_window spreads the calls"
    if (spec.name == "day" and upper in {"L", "LW", "WL"}) or (spec.name == "day" and upper.startswith("L-")):
        return "`L` (last day) is Quartz", "write 28-31 and let the handler skip all but the last day"
    if spec.name == "day" and upper.endswith("W"):
        return "`W` (nearest working day) is Quartz", "write the day alone and let the handler look at the weekday"
    if spec.name == "weekday" and upper == "L":
        return "`L` (Saturday) is Quartz", "write sat"
    if spec.name == "weekday" and upper.endswith("L"):
        return "`L` (last weekday) is Quartz", f"write {part[:-1]} and let the handler skip all but the last one"
    return None


def _nth(part: str) -> str:
    day, _, week = part.partition("#")
    if week == "1":
        return f"write */100,1-7 as day and {day} as weekday, which must both match"
    return f"write {day or 'the weekday'} and let the handler skip the other weeks"


def _other_shapes(part: str, spec: FieldSpec) -> tuple[str, str] | None:
    body = part.partition("/")[0]
    pieces = body.split("-")
    if "*" in body:
        return "a star stands alone, or with a step", f"write *, */5 or {spec.low}-{spec.high}"
    if len(pieces) == 2 and "" in pieces:
        low, high = pieces[0] or str(spec.low), pieces[1] or str(6 if spec.name == "weekday" else spec.high)
        return "half a range", f"write {low}-{high}"
    if len(pieces) > 2 and all(piece.isdigit() for piece in pieces):
        return "a range has two ends", f"write {pieces[0]}-{pieces[-1]}"
    return None


def _error(spec: FieldSpec, text: str, position: int, what: str, fix: str) -> InvalidExpression:
    message = f"{spec.name} {text[:40]!r} at position {position}: {what}; {fix}"
    return InvalidExpression(message, field=spec.name, text=text, position=position, fix=fix)
