"""docs/gcp.md says what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from purista.auth.grant import Scope
from purista.gateway.http.config import read_config
from purista.testing import ManualClock

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/gcp.md").read_text("utf-8")


def test_every_code_is_explained() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/purista/schedulers/gcp").glob("*.py"))
    codes = set(re.findall(r'"(G\d{3})"', source))
    assert codes == set(re.findall(r"^\| (G\d{3}) \|", PAGE, re.MULTILINE))


def test_the_configuration_can_be_read() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    config = read_config(tomllib.loads(text), clock=ManualClock("2026-06-01T00:00:00Z"))
    assert config.subscriptions == {"projects/my-project/subscriptions/purista"}
    assert config.credentials[0].grant.allows(Scope.TRIGGER, "shop/1/nightly")
