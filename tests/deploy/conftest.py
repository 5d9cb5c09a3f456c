"""What every test of the manifests stands on."""

import pytest
from tests.deploy import manifests


@pytest.fixture(scope="session", autouse=True)
def secrets(tmp_path_factory: pytest.TempPathFactory) -> None:
    manifests.make_secrets(tmp_path_factory.mktemp("keys"))
