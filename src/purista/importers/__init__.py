"""Other schedulers' jobs → contracts. A crontab's text, Celery beat's entries, APScheduler's jobs.

What belongs here: pure functions from a text or from objects to contracts and findings, and the writer of the Python module
that declares them. Every job of the source is either carried over or refused with a reason; nothing is dropped in silence.
What does not: finding the source (``cli``), and judging contracts (``contract.rules``, ``check``).
"""
