"""One authority for each test, without HTTP, on both engines where a test says so."""

from collections.abc import AsyncIterator

import pytest
from tests.support.authority_lab import AuthorityLab, open_lab

from doorward.authority.operations import open_session, sign_in


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The URL of the PostgreSQL database for tests marked `on_both_engines`, and nothing for SQLite."""
    engine = getattr(request, "param", "sqlite")
    url: str = request.getfixturevalue("postgres_url") if engine == "postgresql" else ""
    return url


@pytest.fixture
async def lab(database: str) -> AsyncIterator[AuthorityLab]:
    """A fresh authority; time stands still until the test moves it."""
    async with open_lab(postgres_url=database) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _refusals_are_immediate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that measure the least time of a refusal set it themselves."""
    monkeypatch.setattr(open_session, "REFUSAL_SECONDS", 0.0)
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)
