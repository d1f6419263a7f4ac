"""One server for all tests of a session."""

from collections.abc import Iterator

import pytest

from tests.surfaces.agents.chat_server import ChatServer
from tests.surfaces.agents.stacks import World

__all__ = ["lent_server", "lent_world"]


@pytest.fixture(scope="session", name="_server")
def lent_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.stop()


@pytest.fixture(name="world")
def lent_world(_server: ChatServer) -> World:
    """The server, with nothing seen yet."""
    _server.reset()
    return World(_server)
