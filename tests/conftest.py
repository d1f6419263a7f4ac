"""Fixtures shared by all suites."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers import chroma, database, postgres  # noqa: F401  # fixtures; nothing starts before it is asked for

settings.register_profile("ours", deadline=None)  # a busy machine is no failure
settings.load_profile("ours")


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test that takes it runs both ways."""
    yield request.param
