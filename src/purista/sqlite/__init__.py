"""One SQLite file: connections, the one writer thread, group commit, migrations, the mailbox of leased messages.

What belongs here: mechanics that ledger, bridge and queue share because they share a file, and with it a transaction.
What does not: policy (``gateway``), message meaning (``messages``), ports (``ledgers``, ``bridges``, ``queues``).
"""
