"""What both engines' stores can do, beyond running units of work: the installation and the log.

The engines differ in how they run and number; what they run is the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from doorward.base.ids import InstallationId
from doorward.domain.audit.log import LogEntry, LogHead, LogQuery, VerifyReport
from doorward.stores.sql.installation import check_installation, create_installation, installation_id_of
from doorward.stores.sql.log_search import log_head_of, search_log
from doorward.stores.sql.transaction import SqlTransaction

T = TypeVar("T")


class SqlStore(ABC):
    """`Store` of `authority.ports`, and the log's functions. Close it once."""

    migrated: tuple[str, str] | None = None
    """The revisions of the tables before and after, when opening brought tables that were there to newer ones."""

    @abstractmethod
    async def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` on a snapshot; writing in it is an error."""

    @abstractmethod
    async def write(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` as one transaction; returns when it is durable and its events are numbered."""

    @abstractmethod
    async def verify_log(self, checkpoints: Mapping[int, bytes] | None = None) -> VerifyReport:
        """Recompute the whole log on one snapshot, off the event loop: a second per some 20,000 entries."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was taken, then let the database go."""

    async def create_installation(self, installation_id: InstallationId) -> None:
        """Give the database its id, once; `AlreadyInstalled` otherwise."""
        await self.write(lambda tx: create_installation(tx.connection, installation_id, tx.now))

    async def installation_id(self) -> InstallationId:
        """The database's id; `NotInstalled` when `doorward init` did not run."""
        return await self.read(lambda tx: installation_id_of(tx.connection))

    async def check_installation(self, expected: InstallationId) -> None:
        """`OtherInstallation` unless the database belongs with the keys."""
        await self.read(lambda tx: check_installation(tx.connection, expected))

    async def log_head(self) -> LogHead:
        """The log's size, root and latest time."""
        return await self.read(lambda tx: log_head_of(tx.connection))

    async def search_log(self, query: LogQuery) -> Sequence[LogEntry]:
        """One page of entries, the newest first."""
        return await self.read(lambda tx: search_log(tx.connection, query))
