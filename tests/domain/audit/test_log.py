"""What may be asked of the log."""

import pytest

from doorward.base.errors import Invalid
from doorward.domain.audit.log import PAGE_ENTRIES_MAX, LogQuery


@pytest.mark.parametrize("limit", [0, -1, PAGE_ENTRIES_MAX + 1])
def test_a_page_is_bounded(limit: int) -> None:
    with pytest.raises(Invalid):
        LogQuery(limit=limit)
