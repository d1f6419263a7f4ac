"""One server over scripted models, and one stand-in for providers, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.surfaces.server.support import HERE, Child, Upstream


@pytest.fixture(scope="package")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    child = Child(tmp_path_factory.mktemp("scripted"), str(HERE / "scripted_child.py"), "PORT")
    yield child
    child.stop()


@pytest.fixture(scope="package")
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()
