"""Calls over HTTP: what a host's scheduler writes where the ledger is not a file of its host."""

from __future__ import annotations

from urllib.parse import urlsplit

from purista.errors import DeclarationError, RegistrationError
from purista.schedulers.base import Owner

__all__ = ["REFERENCES", "gateway_arguments", "needs_gateway", "nobody_sweeps", "refuse_other_ledger"]

REFERENCES = ("file:", "env:")


def gateway_arguments(gateway: str | None, secret: str | None, token: str | None) -> tuple[str, ...]:
    """The arguments of ``purista trigger`` for a gateway; none without one. ``secret`` and ``token`` are references.

    :raises DeclarationError: for what is no address, both credentials, or a secret itself in place of its reference.
    """
    if gateway is None:
        if secret is not None or token is not None:
            raise DeclarationError(
                "expected gateway= with secret= or token=, got none; write gateway='https://gateway.example.com'"
            )
        return ()
    if not _is_address(gateway):
        raise DeclarationError(
            "gateway: expected an address such as https://gateway.example.com, without user, query and fragment, got "
            "something else"
        )
    if secret is not None and token is not None:
        raise DeclarationError("expected secret= or token=, got both; leave out one")
    for name, reference in (("secret", secret), ("token", token)):
        if reference is None:
            continue
        if not reference.startswith(REFERENCES):
            # What it says is not repeated: it may be the secret.
            raise DeclarationError(
                f"{name}: expected a reference, got something else; write {name}='file:/etc/purista/secret'"
            )
        return ("--gateway", gateway, f"--{name}", reference)
    return ("--gateway", gateway)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return valid and plain and not (parts.username or parts.password or parts.query or parts.fragment)


def needs_gateway(scheduler: str) -> RegistrationError:
    """What to say where calls cannot open the ledger, and no gateway is named."""
    return RegistrationError(
        f"expected {scheduler}(gateway='https://…', secret='file:/etc/purista/secret'), got {scheduler}() without a gateway: "
        "this bridge's ledger is no file that carries its messages, so calls go to `purista serve`; write its address"
    )


def refuse_other_ledger(what: str, ledger: str, owner: Owner) -> None:
    """An entry of this owner that another ledger wrote: a second one would decide on its own about the same.

    :raises RegistrationError: it is so. A mark without a ledger is anybody's.
    """
    if ledger and owner.ledger_id and ledger != owner.ledger_id:
        raise RegistrationError(
            f"{what} belongs to ledger {ledger}, this is ledger {owner.ledger_id}: two ledgers would each decide on their own; "
            "name another PURISTA_ENVIRONMENT, or delete what is left of that ledger"
        )


def nobody_sweeps() -> str:
    """What is said of every owner whose calls go to a gateway."""
    return (
        "calls go to a gateway: `purista serve` finishes what calls began, and once an hour looks for what nobody called for; "
        "beside a gateway of your own run `purista recover --app …`"
    )
