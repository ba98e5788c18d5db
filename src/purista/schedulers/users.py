"""Users of this machine, for schedulers that run calls as one of them."""

from __future__ import annotations

import os

__all__ = ["this_user", "user_exists"]


def this_user() -> str:
    """Who this process is."""
    import pwd  # noqa: PLC0415 - not on every platform

    return pwd.getpwuid(os.geteuid()).pw_name


def user_exists(name: str) -> bool:
    """Whether the machine knows a user of this name."""
    import pwd  # noqa: PLC0415 - not on every platform

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
