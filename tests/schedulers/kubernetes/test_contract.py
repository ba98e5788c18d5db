"""CronJobs keep the laws of dialects and controls: against a stand-in for the API server, and a real one where it is named."""

from __future__ import annotations

import copy
import os
import secrets
from typing import Any

import pytest
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig

from purista.schedulers.kubernetes.control import KubernetesControl
from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.testing.suites import ControlSuite, DialectSuite
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.test_control import control
from tests.schedulers.kubernetes.world import dialect

KUBECONFIG = os.environ.get("PURISTA_TEST_KUBECONFIG")
"""A cluster in which a test may make a namespace. None is on our machines, nor in CI: this one is for those who have one."""


class TestDialect(DialectSuite):
    refuses = frozenset[str]()
    sweeps = False

    def make(self) -> KubernetesDialect:
        return dialect()


class TestControl(ControlSuite):
    names_ledger = True
    can_break = True

    @pytest.fixture(autouse=True)
    def _cluster(self) -> None:
        self.cluster = Cluster()
        stranger = {"metadata": {"name": "backup", "labels": {"app": "db"}}, "spec": {"schedule": "0 1 * * *"}}
        self.cluster.objects["shop", "backup"] = stranger

    def dialect(self) -> KubernetesDialect:
        return dialect()

    async def make(self) -> KubernetesControl:
        return control(self.cluster)

    async def strangers(self) -> Any:
        return copy.deepcopy(self.cluster.objects["shop", "backup"])

    async def broken(self) -> KubernetesControl:
        self.cluster.wrong = lambda method, path: (403, "cronjobs.batch is forbidden")
        return control(self.cluster)


@pytest.mark.skipif(KUBECONFIG is None, reason="no cluster is named by PURISTA_TEST_KUBECONFIG")
class TestRealCluster(ControlSuite):
    """Every test in a namespace of its own."""

    names_ledger = True

    @pytest.fixture(autouse=True)
    async def _namespace(self) -> Any:
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import Namespace

        self.namespace = f"purista-test-{secrets.token_hex(4)}"
        await self.client().create(Namespace(metadata=ObjectMeta(name=self.namespace)))
        yield
        await self.client().delete(Namespace, self.namespace)

    def client(self) -> AsyncClient:
        return AsyncClient(config=KubeConfig.from_file(str(KUBECONFIG)), field_manager="purista")

    def dialect(self) -> KubernetesDialect:
        return dialect(namespace=self.namespace)

    async def make(self) -> KubernetesControl:
        return KubernetesControl(self.client, namespace=self.namespace)
