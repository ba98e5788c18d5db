"""`purista trigger`, by the demo's clock: everything else is the real command. Usage: trigger.py CLOCK [arguments]."""

from __future__ import annotations

import sys

from purista.cli import trigger
from purista.testing import SharedClock


def main() -> int:
    clock = SharedClock(sys.argv[1])
    trigger.SystemClock = lambda: clock  # type: ignore[misc,assignment] - the demo cannot wait for next month
    return trigger.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
