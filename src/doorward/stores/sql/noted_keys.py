"""The authorities' keys in the states that the log tells of."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select

from doorward.authority.ports_machines import NotedKey
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.stores.sql.statements import put
from doorward.stores.sql.tables import noted_keys


@dataclass(frozen=True, slots=True)
class SqlNotedKeys:
    """`NotedKeys` of `authority.ports_machines`."""

    connection: Connection

    def list(self) -> Sequence[NotedKey]:
        """Every key, by id."""
        rows = self.connection.execute(select(noted_keys).order_by(noted_keys.c.key_id))
        return [NotedKey(row.key_id, Purpose(row.purpose), KeyState(row.state), row.fingerprint) for row in rows]

    def put(self, key: NotedKey) -> None:
        """It is noted in this state."""
        plain = {**asdict(key), "purpose": key.purpose.value, "state": key.state.value}
        put(self.connection, noted_keys, "key_id", plain)

    def delete(self, key_id: str) -> None:
        """It is noted that the key is gone."""
        self.connection.execute(delete(noted_keys).where(noted_keys.c.key_id == key_id))
