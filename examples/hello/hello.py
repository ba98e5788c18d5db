"""The smallest complete program: something is due every minute, and a handler works it."""

from pydantic import BaseModel

from purista import App, Context, Cron, ServiceBuilder


class Greeting(BaseModel):
    minute: str


greeter = ServiceBuilder("greeter", version="1")


@greeter.command("greet")
async def greet(context: Context, greeting: Greeting) -> None:
    print("hello at", greeting.minute, flush=True)


greeter.schedule(
    "everyMinute", Cron("* * * * *"), timezone="Europe/Berlin", invoke=greet, payload={"minute": "{scheduled_at:%H:%M}"},
    concurrency_policy="forbid", missed_run_policy="skip",
)  # fmt: skip
app = App(services=[greeter], ledger="purista.db")
