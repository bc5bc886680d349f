"""The authority's recordings: whole, unchangeable once sealed, and nowhere but in their directory."""

import asyncio
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.errors import Conflict, Invalid, Missing, Unavailable
from doorward.domain.recording.digest import TreeDigest
from doorward.stores.blobs.directory import (
    APPEND_BYTES_MAX,
    READ_BYTES_MAX,
    DirectoryLimits,
    DirectoryRecordings,
    StoreFull,
)

ID = "abcdefghijklmnopqrstuvwxyz"
LIMITS = DirectoryLimits(recording_bytes_max=1000, total_bytes_max=1500, reserve_bytes=0)


def digest(data: bytes) -> bytes:
    tree = TreeDigest()
    tree.update(data)
    return tree.digest()


@pytest.fixture
def store(tmp_path: Path) -> DirectoryRecordings:
    return DirectoryRecordings(tmp_path / "recordings", LIMITS)


async def test_what_was_appended_is_read(store: DirectoryRecordings) -> None:
    assert await store.append(ID, 0, b"one") == 3
    assert await store.append(ID, 3, b"two") == 6
    assert await store.read(ID, 2, 3) == b"etw"
    assert await store.read(ID, 6, 10) == b""
    assert await store.size(ID) == 6
    assert await store.exists(ID)


@given(pieces=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60)), max_size=12))
async def test_appends_may_overlap_and_repeat_but_leave_no_hole(pieces: list[tuple[int, int]]) -> None:
    whole = bytes(range(200))
    with tempfile.TemporaryDirectory() as directory:
        store = DirectoryRecordings(Path(directory), LIMITS)
        size = 0
        for offset, length in pieces:
            data = whole[offset : offset + length]
            if offset > size:
                with pytest.raises(Conflict):
                    await store.append(ID, offset, data)
            else:
                size = max(size, offset + len(data))
                assert await store.append(ID, offset, data) == size
        assert await store.size(ID) == size
        if pieces:
            assert await store.append(ID, 0, b"") == size
            assert await store.read(ID, 0, 1000) == whole[:size]


async def test_a_sealed_recording_does_not_change(store: DirectoryRecordings, tmp_path: Path) -> None:
    await store.append(ID, 0, b"data")
    await store.seal(ID, 4, digest(b"data"))
    assert await store.append(ID, 0, b"data") == 4
    assert await store.append(ID, 2, b"XX") == 4
    with pytest.raises(Conflict):
        await store.append(ID, 4, b"more")
    assert await store.read(ID, 0, 100) == b"data"
    [path] = (tmp_path / "recordings").glob("*/*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


async def test_sealing_may_be_repeated_with_the_same_digest_only(store: DirectoryRecordings) -> None:
    await store.append(ID, 0, b"data")
    await store.seal(ID, 4, digest(b"data"))
    await store.seal(ID, 4, digest(b"data"))
    with pytest.raises(Conflict):
        await store.seal(ID, 4, digest(b"other"))


@pytest.mark.parametrize(("size", "content"), [(4, b"dat_"), (3, b"dat"), (5, b"data!"), (5, b"data")])
async def test_other_bytes_than_the_manifest_s_are_not_sealed(
    store: DirectoryRecordings, size: int, content: bytes
) -> None:
    await store.append(ID, 0, b"data")
    with pytest.raises(Conflict):
        await store.seal(ID, size, digest(content))
    assert await store.append(ID, 4, b"more") == 8


async def test_what_is_not_there_is_missing(store: DirectoryRecordings) -> None:
    assert await store.size(ID) == 0
    assert not await store.exists(ID)
    with pytest.raises(Missing):
        await store.read(ID, 0, 1)
    with pytest.raises(Missing):
        await store.seal(ID, 0, digest(b""))
    await store.delete(ID)


async def test_a_deleted_recording_is_gone_and_its_room_free(store: DirectoryRecordings) -> None:
    await store.append(ID, 0, bytes(1000))
    await store.seal(ID, 1000, digest(bytes(1000)))
    await store.delete(ID)
    assert not await store.exists(ID)
    assert await store.append("b" * 26, 0, bytes(1000)) == 1000


@pytest.mark.parametrize(
    "session_id", ["", "../../etc", "a/" + "b" * 24, "A" * 26, "a" * 27, "a" * 25 + "\0", "." * 26]
)
async def test_names_that_are_no_ids_are_refused(store: DirectoryRecordings, session_id: str) -> None:
    for call in (
        store.append(session_id, 0, b"x"),
        store.seal(session_id, 0, b""),
        store.read(session_id, 0, 1),
        store.size(session_id),
        store.exists(session_id),
        store.delete(session_id),
    ):
        with pytest.raises(Invalid):
            await call


async def test_a_link_planted_in_the_directory_is_not_followed(store: DirectoryRecordings, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    folder = tmp_path / "recordings" / ID[:2]
    folder.mkdir()
    (folder / (ID + ".part")).symlink_to(target)
    with pytest.raises(Unavailable, match="disk"):
        await store.append(ID, 0, b"overwritten")
    assert target.read_bytes() == b"precious"


async def test_sizes_are_limited(store: DirectoryRecordings) -> None:
    with pytest.raises(Invalid):
        await store.append(ID, 0, bytes(1001))
    with pytest.raises(Invalid):
        await store.append(ID, 0, bytes(APPEND_BYTES_MAX + 1))
    with pytest.raises(Invalid):
        await store.append(ID, -1, b"x")
    for offset, length in ((-1, 1), (0, -1), (0, READ_BYTES_MAX + 1)):
        with pytest.raises(Invalid):
            await store.read(ID, offset, length)


async def test_the_total_is_limited_also_after_a_restart(store: DirectoryRecordings, tmp_path: Path) -> None:
    await store.append(ID, 0, bytes(900))
    with pytest.raises(StoreFull):
        await store.append("b" * 26, 0, bytes(601))
    again = DirectoryRecordings(tmp_path / "recordings", LIMITS)
    with pytest.raises(StoreFull):
        await again.append("b" * 26, 0, bytes(601))
    assert await again.append("b" * 26, 0, bytes(600)) == 600


async def test_a_part_of_the_disk_stays_free(tmp_path: Path) -> None:
    store = DirectoryRecordings(tmp_path / "recordings", DirectoryLimits(reserve_bytes=1 << 60))
    with pytest.raises(StoreFull):
        await store.append(ID, 0, b"x")


async def test_everything_is_for_the_owner_only(store: DirectoryRecordings, tmp_path: Path) -> None:
    await store.append(ID, 0, b"x")
    root = tmp_path / "recordings"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, *root.iterdir())} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.glob("*/*")} == {0o600}


async def test_an_append_that_meets_a_seal_makes_no_second_recording(
    store: DirectoryRecordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append(ID, 0, b"data")
    await store.seal(ID, 4, digest(b"data"))
    answers = iter([False, True])
    monkeypatch.setattr(Path, "exists", lambda _: next(answers))
    with pytest.raises(Conflict):
        await store.append(ID, 4, b"more")
    assert [path.suffix for path in (tmp_path / "recordings").glob("*/*")] == [".dwr"]


async def test_two_authorities_that_append_the_same_leave_it_once(tmp_path: Path) -> None:
    one, other = (DirectoryRecordings(tmp_path / "recordings") for _ in range(2))
    data = os.urandom(4000)
    async with asyncio.TaskGroup() as tasks:
        for store in (one, other) * 4:
            tasks.create_task(store.append(ID, 0, data))
    assert await one.read(ID, 0, 100_000) == data
    await one.seal(ID, len(data), digest(data))
    await other.seal(ID, len(data), digest(data))
    with pytest.raises(Conflict):
        await other.append(ID, len(data), b"more")
