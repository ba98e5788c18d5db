"""Where jobs are and what they call: project, location, a topic or a gateway, and how often a failed call is repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from purista.errors import DeclarationError
from purista.schedulers.gateways import gateway_arguments

__all__ = ["JOB_QUOTA", "Door", "Place", "Retries", "Topic"]

YEAR = 31_556_952
JOB_QUOTA = 5_000
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,60}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_TOPIC = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{1,190}")


@dataclass(frozen=True, slots=True)
class Topic:
    """A Pub/Sub topic of the job's own project: Cloud Scheduler takes no other."""

    name: str

    def __post_init__(self) -> None:
        if not _TOPIC.fullmatch(self.name) or self.name.startswith("goog"):
            raise DeclarationError(
                f"topic: expected the topic's name alone, got {self.name[:80]!a}; write topic='purista'"
            )


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway over HTTP. Its token is for ``audience`` and names ``account``, a service account."""

    gateway: str
    account: str
    audience: str

    def __post_init__(self) -> None:
        gateway_arguments(self.gateway, None, None)
        if not _ACCOUNT.fullmatch(self.account):
            raise DeclarationError(
                f"service_account: expected its address, got {self.account[:80]!a}; write "
                "service_account='scheduler@my-project.iam.gserviceaccount.com'"
            )
        if not self.audience or not self.audience.isprintable():
            raise DeclarationError(
                "audience: expected what the gateway's configuration says, got nothing that can be one"
            )


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed call is repeated before the job's next instant. ``least_s`` and ``most_s`` bound the time between."""

    count: int = 5
    least_s: int = 5
    most_s: int = 300
    doublings: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.count <= 5 or not 0 <= self.doublings <= 16:
            raise DeclarationError(f"retries: expected 0 to 5 of them, got {self.count}")
        if not 5 <= self.least_s <= self.most_s <= 3_600:
            raise DeclarationError("retries: expected 5 to 3600 seconds between two, got others")


@dataclass(frozen=True, slots=True)
class Place:
    """What a job needs to know. ``quota``: so many jobs the location takes, whoever made them. ``deadline_s``: so long a call
    over HTTP may take; the next one waits for it. ``now`` and the horizon (epoch seconds, years) say for which years changes
    of clocks are repaired.
    """

    project: str
    location: str
    target: Topic | Door
    now: int
    retries: Retries = field(default_factory=Retries)
    deadline_s: int = 60
    quota: int = JOB_QUOTA
    horizon_years: int = 12

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            raise DeclarationError(
                f"project: expected a project's id, got {self.project[:80]!a}; write project='my-project'"
            )
        if not _LOCATION.fullmatch(self.location):
            raise DeclarationError(
                f"location: expected a location, got {self.location[:80]!a}; write location='europe-west3'"
            )
        if not 15 <= self.deadline_s <= 1_800:
            raise DeclarationError(f"deadline_s: expected 15 to 1800 seconds, got {self.deadline_s}")
        if self.quota < 1:
            raise DeclarationError(f"job_quota: expected a number of jobs, got {self.quota}")

    @property
    def parent(self) -> str:
        """The location as the API names it."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return self.now + self.horizon_years * YEAR
