"""Secrets by reference: ``env:NAME`` or ``file:/path``. Configuration names where a secret is, never what it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from purista.errors import InvalidSecret

__all__ = ["MIN_BYTES", "Secret", "read_secret", "reference_of"]

MIN_BYTES = 24
MAX_BYTES = 16_384
FEW_CHARACTERS = 8
"""A secret with fewer different characters was typed by a person."""
PLACEHOLDERS = (
    "changeme", "change-me", "change_me", "placeholder", "replaceme", "replace-me", "your-secret", "yoursecret", "example",
    "insert-", "<", "${",
)  # fmt: skip
_FIX = "write env:NAME or file:/path/to/secret"


class Secret:
    """A secret value and the reference it came from. No form of it but :meth:`reveal` shows the value.

    It is pickled as its reference and read again where it is unpickled. ``warning`` says why others may know it.
    """

    __slots__ = ("_value", "reference", "warning")

    def __init__(self, value: bytes, reference: str, warning: str | None = None) -> None:
        self._value, self.reference, self.warning = value, reference, warning

    def reveal(self) -> bytes:
        """The value itself, for signing and comparing."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.reference!r}, ***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return read_secret, (self.reference,)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self


def reference_of(text: str) -> tuple[str, str]:
    """Kind (``env`` or ``file``) and place.

    :raises purista.errors.InvalidSecret: it is no reference. What was written is not repeated: it may be the secret itself.
    """
    kind, colon, place = text.strip().partition(":")
    if not colon or kind not in ("env", "file") or not place.strip():
        raise InvalidSecret(f"expected a reference to a secret, got something else ({len(text)} characters); {_FIX}")
    return kind, place.strip()


def read_secret(reference: str, environ: Mapping[str, str] | None = None) -> Secret:
    """The secret that a reference leads to. Blanks and line ends around it are cut off: editors and ``echo`` add them.

    :raises purista.errors.InvalidSecret: it is not there, empty, shorter than 24 bytes, or a placeholder.
    """
    kind, place = reference_of(reference)
    reference, warning = f"{kind}:{place}", None
    if kind == "env":
        found = (os.environ if environ is None else environ).get(place)
        if found is None:
            raise InvalidSecret(f"expected a secret in the environment variable {place}, found none; set it")
        raw = found.encode("utf-8", "surrogateescape")
    else:
        raw, warning = _file(Path(place))
    value = raw.strip()
    _refuse_weak(value, reference)
    return Secret(value, reference, warning)


def _file(path: Path) -> tuple[bytes, str | None]:
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidSecret(f"expected a secret in the file {path}, got: {error.strerror or error}") from None
    if os.name == "posix" and mode & 0o077:
        return raw, f"{path} can be read by others (mode {mode:04o}); write chmod 600 {path}"
    return raw, None


def _refuse_weak(value: bytes, reference: str) -> None:
    fix = "make one: purista secret"
    if not value:
        raise InvalidSecret(f"{reference}: expected a secret, got nothing; {fix}")
    if len(value) > MAX_BYTES:
        raise InvalidSecret(f"{reference}: expected at most {MAX_BYTES:,} bytes, got more; is it the right file?")
    if len(value.split()) > 1 or any(byte < 0x21 or byte == 0x7F for byte in value):
        raise InvalidSecret(f"{reference}: expected one word, got blanks or control characters in it; {fix}")
    lowered = value.lower().decode("latin-1")
    if len(set(value)) < FEW_CHARACTERS or any(word in lowered for word in PLACEHOLDERS):
        raise InvalidSecret(f"{reference}: expected a random secret, got a placeholder; {fix}")
    if len(value) < MIN_BYTES:
        raise InvalidSecret(f"{reference}: expected at least {MIN_BYTES} bytes, got {len(value)}; {fix}")
