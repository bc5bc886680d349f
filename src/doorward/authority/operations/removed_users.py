"""Users who were removed, by the names that they had: the log is what still knows, until they are erased from it."""

from typing import Final

from doorward.authority.services import Services
from doorward.base.ids import UserId
from doorward.domain.audit.events_policy import RESOURCE_DELETED
from doorward.domain.audit.log import PAGE_ENTRIES_MAX, LogQuery

PAGES_MAX: Final = 50
"""How far back is looked; whoever was removed longer ago is named by the id."""


async def removed_users(services: Services, name: str) -> list[UserId]:
    """Ids of the removed users of that name, the last removed first: a name may be given again, an id never."""
    found: list[UserId] = []
    before: int | None = None
    for _ in range(PAGES_MAX):
        query = LogQuery(types=(RESOURCE_DELETED.name,), before_seq=before, limit=PAGE_ENTRIES_MAX)
        page = await services.log.search_log(query)
        found.extend(
            UserId(one.subjects["user"])
            for one in page
            if one.fields.get("kind") == "user" and one.fields.get("name") == name.lower()
        )
        if len(page) < query.limit:
            break
        before = page[-1].seq
    return found
