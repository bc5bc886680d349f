"""`doorward unlock`: removes a lock on the host's own terminal, when nobody is left who may do it over the API.

A lock that the API takes always leaves an administrator; but that one may have lost their factors, or left.
"""

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.errors import Missing
from doorward.domain.audit.event import OPERATOR, Subjects
from doorward.domain.audit.events_policy import LOCK_DELETED, RESOURCE_DELETED
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.settings import Settings


async def unlock(settings: Settings, layout: Layout, name: str) -> None:
    """Remove the lock of that name, and note it; what it cut stays cut. `Missing` when there is none."""
    store = await open_store(settings, layout)

    def work(tx: Transaction) -> None:
        stored = tx.resources.get("lock", name)
        if stored is None or not tx.resources.delete("lock", stored.id, expected_revision=stored.revision):
            raise Missing(f"removing lock/{name}: there is none")
        subjects = Subjects(resource=stored.id)
        fields = {"kind": "lock", "name": name, "revision": stored.revision}
        note(tx, RESOURCE_DELETED, OPERATOR, fields, subjects)
        target = dict(stored.body.get("spec", {}).get("target", {}))
        note(tx, LOCK_DELETED, OPERATOR, {"name": name, "target": target}, subjects)

    try:
        await store.write(work)
    finally:
        await store.close()
