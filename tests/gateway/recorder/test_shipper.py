"""Recordings reach the authority whole, whatever fails on the way, and leave the spool only then."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import SESSION_ID, header
from tests.support.spool import Disk, MemoryFiles, unexpected

from doorward.base.clock import ManualClock
from doorward.base.errors import Conflict, DoorwardError, Refused, Unavailable
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.manifest import Manifest
from doorward.gateway.recorder import shipper as module
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.shipper import REFUSED_SECONDS, STORE_FULL, Shipper
from doorward.gateway.recorder.spool import Spool

MIB = 1024 * 1024


class FakeAuthority:
    """Holds recordings as the real one does; fails when told to."""

    def __init__(self) -> None:
        self.held: dict[str, bytearray] = {}
        self.sealed: dict[str, Manifest] = {}
        self.calls_until_failure = 1 << 30
        self.refused: set[str] = set()
        self.without_room: set[str] = set()
        self.appended_bytes = 0

    def _step(self, session_id: str) -> None:
        if session_id in self.refused:
            raise Refused("injected")
        if session_id in self.without_room:
            raise StoreFull("injected")
        if self.calls_until_failure <= 0:
            raise Unavailable("injected")
        self.calls_until_failure -= 1

    async def append(self, session_id: str, offset: int, data: bytes) -> int:
        self._step(session_id)
        held = self.held.setdefault(session_id, bytearray())
        if offset > len(held):
            raise Conflict("injected")
        self.appended_bytes += len(data)
        held += data[len(held) - offset :]
        return len(held)

    async def seal(self, session_id: str, manifest: Manifest, content: bytes | None) -> None:
        self._step(session_id)
        if content is not None:
            held = self.held.setdefault(session_id, bytearray())
            held += content[len(held) :]
        tree = TreeDigest()
        tree.update(self.held.get(session_id, b""))
        if tree.digest() != manifest.digest_bytes:
            raise Conflict("injected")
        self.sealed[session_id] = manifest


class StoreFull(Unavailable):
    code = STORE_FULL


class Bench:
    def __init__(self) -> None:
        self.disk = Disk()
        self.clock = ManualClock()
        self.spool = Spool(MemoryFiles(self.disk), self.clock)
        self.authority = FakeAuthority()
        self.problems: list[tuple[str, str]] = []
        self.shipper = self.new_shipper()

    def new_shipper(self) -> Shipper:
        def on_problem(session_id: str, error: DoorwardError) -> None:
            self.problems.append((session_id, error.code))

        return Shipper(self.spool, self.authority, self.clock, on_problem)

    def recording(self, size: int, session_id: str = SESSION_ID) -> Recorder:
        recorder = self.spool.open(header(session_id), unexpected)
        recorder.output(recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT), bytes(size))
        return recorder

    async def sync(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self.spool.syncer.begin(tasks)


async def test_a_sealed_recording_is_shipped_then_forgotten() -> None:
    bench = Bench()
    manifest = await bench.spool.seal(bench.recording(3 * MIB), "closed")
    data = bytes(bench.disk.contents[SESSION_ID + ".dwr"])
    await bench.shipper.ship_sealed()
    assert bench.authority.held[SESSION_ID] == data
    assert bench.authority.sealed[SESSION_ID] == manifest
    assert bench.disk.contents == {}


async def test_a_small_recording_goes_in_one_call() -> None:
    bench = Bench()
    bench.authority.calls_until_failure = 1
    manifest = await bench.spool.seal(bench.recording(1000), "closed")
    data = bytes(bench.disk.contents[SESSION_ID + ".dwr"])
    await bench.shipper.ship_sealed()
    assert bench.authority.held[SESSION_ID] == data
    assert bench.authority.sealed[SESSION_ID] == manifest
    assert bench.disk.contents == {}


async def test_of_a_small_recording_that_was_begun_live_the_rest_is_taken() -> None:
    bench = Bench()
    recorder = bench.recording(1000)
    await bench.sync()
    await bench.shipper.ship_live()
    assert bench.authority.held[SESSION_ID]
    await bench.spool.seal(recorder, "closed")
    data = bytes(bench.disk.contents[SESSION_ID + ".dwr"])
    await bench.shipper.ship_sealed()
    assert bench.authority.held[SESSION_ID] == data


async def test_of_a_live_recording_only_what_is_synced_is_shipped() -> None:
    bench = Bench()
    recorder = bench.recording(1000)
    await bench.shipper.ship_live()
    assert bench.authority.held[SESSION_ID] == b""
    await bench.sync()
    synced = recorder.size_bytes
    recorder.output(1, b"later")
    await bench.shipper.ship_live()
    assert len(bench.authority.held[SESSION_ID]) == synced


async def test_live_shipping_is_limited_per_round_and_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIVE_BYTES_PER_ROUND", MIB)
    bench = Bench()
    for letter in "abc":
        bench.recording(3 * MIB, letter * 26)
    await bench.sync()
    for _ in range(3):
        before = bench.authority.appended_bytes
        await bench.shipper.ship_live()
        assert bench.authority.appended_bytes - before <= MIB + module.LIVE_CHUNK_BYTES
    assert all(len(held) >= MIB for held in bench.authority.held.values())
    assert len(bench.authority.held) == 3


@given(failures=st.lists(st.integers(0, 5), max_size=6))
async def test_failures_and_restarts_lose_nothing(failures: list[int]) -> None:
    bench = Bench()
    await bench.spool.seal(bench.recording(2 * MIB + 17), "closed")
    for calls in failures:
        bench.authority.calls_until_failure = calls
        try:
            await bench.shipper.ship_sealed()
        except Unavailable:
            assert SESSION_ID not in bench.authority.sealed or bench.disk.contents
        bench.shipper = bench.new_shipper()
    bench.authority.calls_until_failure = 1 << 30
    await bench.shipper.ship_sealed()
    assert bench.authority.sealed[SESSION_ID].size_bytes == len(bench.authority.held[SESSION_ID])
    assert bench.disk.contents == {}
    assert bench.problems == []


async def test_after_a_restart_shipping_goes_on_where_the_authority_is() -> None:
    bench = Bench()
    recorder = bench.recording(2 * MIB)
    await bench.sync()
    await bench.shipper.ship_live()
    shipped = bench.authority.appended_bytes
    await bench.spool.seal(recorder, "closed")
    bench.shipper = bench.new_shipper()
    await bench.shipper.ship_sealed()
    assert bench.authority.appended_bytes == len(bench.authority.held[SESSION_ID])
    assert shipped > MIB


async def test_an_authority_that_lost_bytes_gets_them_again() -> None:
    bench = Bench()
    recorder = bench.recording(1000)
    await bench.sync()
    await bench.shipper.ship_live()
    del bench.authority.held[SESSION_ID][500:]
    await bench.spool.seal(recorder, "closed")
    await bench.shipper.ship_sealed()
    assert SESSION_ID in bench.authority.sealed


async def test_one_that_is_refused_stays_and_does_not_hold_up_the_others() -> None:
    bench = Bench()
    bench.authority.refused.add("a" * 26)
    for letter in "ab":
        await bench.spool.seal(bench.recording(10, letter * 26), "closed")
    await bench.shipper.ship_sealed()
    await bench.shipper.ship_sealed()
    assert list(bench.authority.sealed) == ["b" * 26]
    assert bench.problems == [("a" * 26, "refused")]
    bench.authority.refused.clear()
    bench.clock.advance(timedelta(seconds=REFUSED_SECONDS))
    await bench.shipper.ship_sealed()
    assert len(bench.authority.sealed) == 2


@pytest.mark.parametrize("live", [True, False])
async def test_one_for_which_there_is_no_room_does_not_hold_up_the_others(live: bool) -> None:
    bench = Bench()
    bench.authority.without_room.add("a" * 26)
    for letter in "ab":
        recorder = bench.recording(10, letter * 26)
        if live:
            await bench.sync()
        else:
            await bench.spool.seal(recorder, "closed")
    await (bench.shipper.ship_live() if live else bench.shipper.ship_sealed())
    assert list(bench.authority.held) == ["b" * 26]
    assert bench.problems == [("a" * 26, STORE_FULL)]


async def test_what_the_authority_can_not_verify_stays_in_the_spool() -> None:
    bench = Bench()
    await bench.spool.seal(bench.recording(1000), "closed")
    bench.authority.held[SESSION_ID] = bytearray(b"\x00" * 5000)
    await bench.shipper.ship_sealed()
    assert bench.problems == [(SESSION_ID, "conflict")]
    assert SESSION_ID + ".dwr" in bench.disk.contents
