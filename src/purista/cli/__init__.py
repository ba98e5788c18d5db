"""The command line. ``trigger`` is what schedulers run and imports neither typer nor pydantic; the rest is for people."""
