"""Leased messages of any store: what a mailbox can do, and who takes messages out of it, a bounded number at a time.

What belongs here: taking, handing on, waiting, draining. What does not: how a store keeps letters (``sqlite``, ``postgres``),
what a message means (``service``).
"""
