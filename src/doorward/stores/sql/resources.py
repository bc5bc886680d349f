"""The one table of declared things, and the counter by which caches know that it changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from doorward.authority.ports import ResourceHead, StoredResource
from doorward.stores.sql.tables import counters, resources

_COUNTER: Final = "resources"
_READ_COUNTER: Final = select(counters.c.value).where(counters.c.name == _COUNTER)


@dataclass(frozen=True, slots=True)
class SqlResources:
    """`Resources` of `authority.ports`."""

    connection: Connection

    def get(self, kind: str, name: str) -> StoredResource | None:
        """The living resource of that name."""
        return self._one(_living(kind).where(resources.c.name == name))

    def by_id(self, kind: str, resource_id: str) -> StoredResource | None:
        """The living resource of that id."""
        return self._one(_living(kind).where(resources.c.id == resource_id))

    def list(self, kind: str) -> Sequence[StoredResource]:
        """Every living resource of a kind, by name."""
        return [_resource(row) for row in self.connection.execute(_living(kind).order_by(resources.c.name))]

    def heads(self, kind: str) -> Sequence[ResourceHead]:
        """What `list` finds, by name, without bodies."""
        columns = select(resources.c.id, resources.c.name, resources.c.revision)
        living = columns.where(resources.c.kind == kind, ~resources.c.deleted)
        return [ResourceHead(*row) for row in self.connection.execute(living.order_by(resources.c.name))]

    def insert(self, resource: StoredResource) -> bool:
        """False when the name is taken. An id that was ever given is a `Conflict`, tombstones included."""
        if self.get(resource.kind, resource.name) is not None:
            return False
        self.connection.execute(
            insert(resources).values(
                id=resource.id,
                kind=resource.kind,
                name=resource.name,
                revision=resource.revision,
                body=resource.body,
                updated=resource.updated,
                deleted=False,
            )
        )
        self._count_change()
        return True

    def update(self, resource: StoredResource, *, expected_revision: int) -> bool:
        """Store body, revision and time; false when the revision moved on."""
        found = self.connection.execute(
            update(resources)
            .where(_is(resource.kind, resource.id, expected_revision))
            .values(revision=resource.revision, body=resource.body, updated=resource.updated)
        )
        return self._counted(found.rowcount)

    def delete(self, kind: str, resource_id: str, *, expected_revision: int) -> bool:
        """Leave a tombstone without a body; false when the revision moved on."""
        found = self.connection.execute(
            update(resources).where(_is(kind, resource_id, expected_revision)).values(deleted=True, body={})
        )
        return self._counted(found.rowcount)

    def change_counter(self) -> int:
        """Grows with every insert, update and delete."""
        return int(self.connection.execute(_READ_COUNTER).scalar_one())

    def _one(self, statement: Select[Any]) -> StoredResource | None:
        row = self.connection.execute(statement).one_or_none()
        return None if row is None else _resource(row)

    def _counted(self, rows: int) -> bool:
        if rows:
            self._count_change()
        return rows == 1

    def _count_change(self) -> None:
        self.connection.execute(update(counters).where(counters.c.name == _COUNTER).values(value=counters.c.value + 1))


def _living(kind: str) -> Select[Any]:
    return select(resources).where(resources.c.kind == kind, ~resources.c.deleted)


def _is(kind: str, resource_id: str, revision: int) -> Any:
    return and_(
        resources.c.id == resource_id,
        resources.c.kind == kind,
        resources.c.revision == revision,
        ~resources.c.deleted,
    )


def _resource(row: Row[Any]) -> StoredResource:
    return StoredResource(row.kind, row.name, row.id, row.revision, row.body, row.updated)
