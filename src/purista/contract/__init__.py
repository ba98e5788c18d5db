"""What is declared: schedules, their identity, payload, digest and manifest.

What belongs here: the frozen contract value, the rules it must keep, and its JSON. What does not: anything that knows a
scheduler, a ledger or a bridge, and anything that decides (``gateway``). Everything but ``rules`` is on the path of
``purista trigger``, so only the standard library is imported here; pydantic only inside the function that needs it.
"""
