"""`doorward unlock`: the way back when no administrator can remove a lock."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from tests.support.installation import DOORWARD, Installation, temporary_folder

from doorward.authority.ports import StoredResource, Transaction
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.domain.access.locks import Lock
from doorward.domain.audit.log import LogEntry, LogQuery
from doorward.domain.kinds.registry import dump
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.settings import Settings

LOCK = Lock("bye", (("role", "admin"),), "closed")


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = temporary_folder()
    yield Installation.create(folder)
    shutil.rmtree(folder)


def unlock(installation: Installation, name: str) -> subprocess.CompletedProcess[str]:
    words = [*DOORWARD, "unlock", "--data", str(installation.data), name]
    return subprocess.run(words, env=installation.env(), capture_output=True, text=True, timeout=60, check=False)


async def lock(installation: Installation) -> None:
    store = await open_store(Settings(), Layout(installation.data))

    def work(tx: Transaction) -> None:
        row = StoredResource("lock", LOCK.name, new_id(SystemEntropy()), 1, dump(LOCK), tx.now)
        assert tx.resources.insert(row)

    await store.write(work)
    await store.close()


async def found(installation: Installation) -> tuple[list[str], list[LogEntry]]:
    store = await open_store(Settings(), Layout(installation.data))
    locks = await store.read(lambda tx: [one.name for one in tx.resources.list("lock")])
    entries = await store.search_log(LogQuery(types=("lock.deleted",), limit=10))
    await store.close()
    return locks, list(entries)


def test_operator_removes_a_lock_and_the_log_says_so(installation: Installation) -> None:
    asyncio.run(lock(installation))
    done = unlock(installation, "bye")
    assert (done.returncode, done.stdout) == (0, "lock/bye removed\n"), done.stderr
    locks, (noted,) = asyncio.run(found(installation))
    assert locks == []
    assert (noted.actor_kind, noted.fields) == ("operator", {"name": "bye", "target": {"role": "admin"}})


def test_lock_that_is_not_there_is_said_in_one_line(installation: Installation) -> None:
    done = unlock(installation, "bye")
    assert (done.returncode, done.stderr) == (1, "doorward: removing lock/bye: there is none\n")
    assert asyncio.run(found(installation)) == ([], [])
