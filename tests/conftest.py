"""What holds for every test: a home of its own, no ssh-agent, no network where code is pure, and one PostgreSQL."""

import socket
from collections.abc import Iterator
from typing import Final, NoReturn

import pytest
from hypothesis import settings
from tests.support.postgres import Postgres

# base, domain and wire do no I/O; their tests need none either.
PURE: Final = frozenset({"base", "domain", "wire"})
_OF_THE_USER: Final = (
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "DISPLAY",
)

# How long one example takes depends on who else is on the machine; pytest-timeout bounds the whole test.
settings.register_profile("doorward", deadline=None)
settings.load_profile("doorward")


@pytest.fixture(scope="session", autouse=True)
def _empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of whoever runs the tests is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in _OF_THE_USER:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of this process."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """One database, emptied before each test: migrating it anew takes longer than most tests."""
    return postgres.create_database("doorward_test")


@pytest.fixture(autouse=True)
def _no_network_in_pure_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = request.path.relative_to(request.config.rootpath).parts
    if len(inside) > 2 and inside[1] in PURE:
        monkeypatch.setattr(socket, "create_connection", _refuse)
        monkeypatch.setattr(socket.socket, "connect", _refuse)
        monkeypatch.setattr(socket.socket, "bind", _refuse)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a test of pure code opened a socket")
