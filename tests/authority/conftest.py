"""One authority for each test, without HTTP."""

from collections.abc import AsyncIterator

import pytest
from tests.support.authority_lab import AuthorityLab, open_lab

from doorward.authority.operations import open_session, sign_in


@pytest.fixture
async def lab() -> AsyncIterator[AuthorityLab]:
    """A fresh authority; time stands still until the test moves it."""
    async with open_lab() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _refusals_are_immediate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that measure the least time of a refusal set it themselves."""
    monkeypatch.setattr(open_session, "REFUSAL_SECONDS", 0.0)
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)
