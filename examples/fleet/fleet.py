"""A fleet of schedules that is the same on every machine, as a company might have them. Try it:

    purista fidelity --app fleet:app
    purista fidelity --app fleet:app --html fidelity.html

The mix, of a hundred: 34 daily at night, 14 on weekdays, 12 hourly, 10 every 5 to 30 minutes, 8 monthly, 8 in the hour in
which clocks change, 6 weekly, 4 intervals that divide no day, 2 on a day or a weekday, 1 every few seconds, 1 once.
"""

import random

from purista import App, Context, Cron, Interval, OneShot, ServiceBuilder

ZONES = (
    "Europe/Berlin", "UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo",
    "Asia/Tokyo", "America/Los_Angeles", "Australia/Lord_Howe",
)  # fmt: skip
MIX = {
    "daily": 34, "weekdays": 14, "hourly": 12, "often": 10, "monthly": 8, "clockchange": 8, "weekly": 6, "interval": 4,
    "either": 2, "seconds": 1, "once": 1,
}  # fmt: skip
TEAMS = ("billing", "search", "mail", "stock", "risk", "ads", "web", "data")


def expression(kind: str, chance: random.Random) -> Cron | Interval | OneShot:
    """People write full hours more often than anything else."""
    minute = chance.choice((0, 0, 0, 0, 15, 30, 30, 45, chance.randrange(60)))
    hour, day = chance.choice((0, 1, 2, 3, 3, 4, 5, 6, 22, 23)), chance.choice((1, 1, 1, 2, 15, 28))
    if kind == "interval":
        return Interval(chance.choice((5_400, 6_000, 25_200, 37_800, 86_400 + 3_600)))
    if kind == "seconds":
        return Interval(chance.choice((10, 15, 30, 45)))
    if kind == "once":
        return OneShot(f"2026-{chance.randrange(6, 12):02}-{day:02}T{hour:02}:{minute:02}:00Z")
    return Cron({
        "daily": f"{minute} {hour} * * *", "weekdays": f"{minute} {chance.randrange(6, 20)} * * mon-fri",
        "hourly": f"{minute} * * * *", "often": f"*/{chance.choice((5, 10, 15, 30))} * * * *",
        "monthly": f"{minute} {hour} {day} * *", "clockchange": f"{minute} {chance.choice((1, 2))} * * *",
        "weekly": f"{minute} {hour} * * {chance.choice(('sun', 'mon', 'sat'))}", "either": f"{minute} 12 {day} * fri",
    }[kind])  # fmt: skip


def fleet(count: int, seed: int = 1) -> list[ServiceBuilder]:
    """So many schedules of some services; a larger fleet begins with the smaller one."""
    chance = random.Random(seed)
    services = [ServiceBuilder(team, version="1") for team in TEAMS]
    for service in services:
        service.command("work")(work)
    for number in range(count):
        (kind,) = chance.choices(list(MIX), list(MIX.values()))
        rule = expression(kind, chance)
        zone = "UTC" if isinstance(rule, Interval | OneShot) else chance.choice(ZONES)
        services[number % len(services)].schedule(
            f"{kind}{number}",
            rule,
            timezone=zone,
            invoke="work",
            concurrency_policy="forbid",
            missed_run_policy="runOnce",
        )
    return services


async def work(context: Context) -> None:
    """What is done does not matter here."""


app = App(services=fleet(200), ledger=":memory:")
