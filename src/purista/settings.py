"""What the environment says. Read when asked for, never at import; no secret is kept here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from purista.errors import DeclarationError

__all__ = ["Settings"]

MODES = ("apply", "verify", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration of one process.

    ``PURISTA_LEDGER`` path of the file (default ``purista.db``) or address of the ledger, ``PURISTA_BRIDGE`` address of the
    broker (default: the file carries messages, too), either one also as a reference (``env:NAME``, ``file:PATH``) because an
    address may hold a password; ``PURISTA_PREFIX`` begins every name on the broker. ``PURISTA_ENVIRONMENT`` (default
    ``default``), ``PURISTA_REVISION`` the deployment's number, ``PURISTA_REGISTRATION`` apply, verify or off.

    Of the HTTP gateway: ``PURISTA_GATEWAY_CONFIG`` its file, ``PURISTA_GATEWAY_HOST`` and ``PURISTA_GATEWAY_PORT`` over what
    it says. Of who calls it: ``PURISTA_GATEWAY_SECRET`` or ``PURISTA_GATEWAY_TOKEN``, a *reference* (``env:NAME``,
    ``file:PATH``).

    Of processes without a ledger and those they ask: ``PURISTA_GATEWAY_GROUP`` (default ``default``), and
    ``PURISTA_PERMIT_SECRET``, a reference to the secret that signs what they ask.

    ``PURISTA_METRICS`` is where a worker lets Prometheus scrape: ``[HOST:]PORT``.
    """

    ledger: str = "purista.db"
    bridge: str | None = None
    environment: str = "default"
    revision: int | None = None
    registration: str = "apply"
    gateway_config: str | None = None
    gateway_host: str | None = None
    gateway_port: int | None = None
    gateway_secret: str | None = None
    gateway_token: str | None = None
    gateway_group: str = "default"
    permit_secret: str | None = None
    prefix: str = "purista"
    metrics: str | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """From environment variables.

        :raises DeclarationError: for a value that cannot be used.
        """
        env = os.environ if environ is None else environ
        revision, mode = env.get("PURISTA_REVISION", "").strip(), env.get("PURISTA_REGISTRATION", "").strip() or "apply"
        if revision and not revision.isdigit():
            raise DeclarationError(
                f"PURISTA_REVISION: expected a whole number that grows with each deployment, got {revision!r}"
            )
        if mode not in MODES:
            raise DeclarationError(f"PURISTA_REGISTRATION: expected one of {', '.join(MODES)}, got {mode!r}")
        return cls(
            env.get("PURISTA_LEDGER", "").strip() or "purista.db",
            env.get("PURISTA_BRIDGE", "").strip() or None,
            env.get("PURISTA_ENVIRONMENT", "").strip() or "default",
            int(revision) if revision else None,
            mode,
            env.get("PURISTA_GATEWAY_CONFIG", "").strip() or None,
            env.get("PURISTA_GATEWAY_HOST", "").strip() or None,
            _port(env.get("PURISTA_GATEWAY_PORT", "").strip()),
            env.get("PURISTA_GATEWAY_SECRET", "").strip() or None,
            env.get("PURISTA_GATEWAY_TOKEN", "").strip() or None,
            env.get("PURISTA_GATEWAY_GROUP", "").strip() or "default",
            env.get("PURISTA_PERMIT_SECRET", "").strip() or None,
            env.get("PURISTA_PREFIX", "").strip() or "purista",
            env.get("PURISTA_METRICS", "").strip() or None,
        )


def _port(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise DeclarationError(f"PURISTA_GATEWAY_PORT: expected a port from 0 to 65535, got {text[:20]!r}")
    return int(text) if text else None
