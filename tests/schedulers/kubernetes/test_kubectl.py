"""kubectl's own Kustomize builds what is exported, and reads in it what was meant."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from purista.cli.main import main
from tests.conftest import needed

BILLING = Path(__file__).parents[3] / "examples/billing"


def test_kustomize_builds_the_export_under_somebodys_overlay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        needed("kubectl (apt-get install kubernetes-client)")
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    base.mkdir()
    overlay.mkdir()
    monkeypatch.chdir(BILLING)
    asked = ["export", "kubernetes", "--app", "billing:app", "--image", "billing:1", "--gateway", "http://gateway:8080"]
    assert main([*asked, "--secret", "purista-gateway/scheduler", "-o", str(base)]) == 0
    capsys.readouterr()
    wanted = {
        one["metadata"]["name"]: one
        for path in base.glob("cronjobs-*.yaml")
        for one in yaml.safe_load_all(path.read_text())
    }
    (overlay / "kustomization.yaml").write_text(json.dumps({"namespace": "shop", "resources": ["../base"]}))
    built = subprocess.run(
        [str(kubectl), "kustomize", str(overlay)], capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, built.stderr
    found = {one["metadata"]["name"]: one for one in yaml.safe_load_all(built.stdout)}
    assert {one["metadata"].pop("namespace") for one in found.values()} == {"shop"}
    assert found == wanted
