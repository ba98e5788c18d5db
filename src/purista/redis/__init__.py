"""Redis under ledger and queue: one pool of connections, scripts, the server's clock, a mailbox of leased messages.

What belongs here: how values are kept and compared. What does not: policy, message meaning. No script knows either: what is
written was decided in Python, and every value is a text that no script reads.
"""
