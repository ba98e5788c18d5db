"""The pytest plugin. Registered for everybody who has purista installed, so it imports nothing before a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from purista.app import App
    from purista.testing.sync import PuristaWorld

__all__ = ["purista_app", "purista_world"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The app may be named in pytest's own configuration."""
    parser.addini("purista_app", "the app for purista_world, such as billing:app [tool.purista]", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "purista(start, workers, consume): how the world of purista_world begins, see purista.testing.World"
    )


@pytest.fixture
def purista_app(pytestconfig: pytest.Config) -> App:
    """The app under test: ``purista_app`` in pytest's configuration, else ``[tool.purista] app``. Override it freely."""
    from purista.app import load_app  # noqa: PLC0415 - nobody pays who does not use it

    reference = pytestconfig.getini("purista_app") or _configured(pytestconfig)
    if not reference:
        pytest.fail(
            'expected an app; write [tool.purista] app = "billing:app", or a fixture purista_app', pytrace=False
        )
    return load_app(reference, pytestconfig.rootpath)


@pytest.fixture
def purista_world(purista_app: App, request: pytest.FixtureRequest) -> Iterator[PuristaWorld]:
    """The app in a world of its own, with virtual time: no other test sees it, nothing waits."""
    from purista.testing.sync import PuristaWorld  # noqa: PLC0415

    marker = request.node.get_closest_marker("purista")
    options: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    with PuristaWorld(purista_app, **options) as world:
        yield world


def _configured(config: pytest.Config) -> str:
    import tomllib  # noqa: PLC0415

    path = config.rootpath / "pyproject.toml"
    if not path.is_file():
        return ""
    return str(tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("purista", {}).get("app", ""))
