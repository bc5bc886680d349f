"""One authority over real HTTPS for each test."""

from collections.abc import AsyncIterator

import pytest
from tests.support.authority_lab import open_lab
from tests.support.https_lab import HttpsLab, open_https, present


@pytest.fixture
async def https() -> AsyncIterator[HttpsLab]:
    """Serving on loopback; its clock stands at the real time."""
    async with open_lab(present()) as lab, open_https(lab) as opened:
        yield opened
