"""Quotas end the session that holds most of what has run out, whoever writes next, and count all that users cause."""

import contextlib
import string
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import header
from tests.support.spool import Disk, MemoryFiles

from doorward.base.clock import ManualClock
from doorward.domain.recording.frames import Exited, Note, StreamClosed
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.budget import CLOSING_BYTES, RecorderLimits
from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.spool import Spool

KIB = 1024
MIB = KIB * KIB
LIMITS = RecorderLimits(
    session_bytes_max=200 * KIB,
    person_bytes_max=300 * KIB,
    resource_bytes_max=400 * KIB,
    reserve_bytes=KIB,
    short_bytes=20 * KIB,
)


class Recorded:
    """One session with one shell; `ended` is what the budget told it."""

    def __init__(self, spool: Spool, letter: str, user: str, node: str) -> None:
        self.ended: list[RecorderFailed] = []
        self.session_id = letter * 26
        self.recorder: Recorder = spool.open(header(self.session_id, user=user, node=node), self.ended.append)
        self.stream = self.recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)

    def write(self, size_bytes: int) -> None:
        self.recorder.output(self.stream, bytes(size_bytes))

    def resize(self, times: int) -> None:
        for number in range(times):
            self.recorder.resized(self.stream, number, number)


class Bench:
    """A spool on a disk that the test controls."""

    def __init__(self, limits: RecorderLimits = LIMITS) -> None:
        self.disk = Disk()
        self.spool = Spool(MemoryFiles(self.disk), ManualClock(), limits)
        self._letters = iter(string.ascii_lowercase)

    def session(self, user: str = "u", node: str = "n") -> Recorded:
        return Recorded(self.spool, next(self._letters), user, node)

    def restarted(self, limits: RecorderLimits = LIMITS) -> None:
        self.spool = Spool(MemoryFiles(self.disk), ManualClock(), limits)

    @property
    def written(self) -> int:
        return sum(map(len, self.disk.contents.values()))


def again_and_again(cause: Callable[[], object]) -> None:
    for _ in range(20_000):
        cause()


def test_a_session_that_reached_its_limit_still_stores_how_it_closed() -> None:
    bench = Bench()
    session = bench.session()
    session.write(190 * KIB)
    for _ in range(2):
        with pytest.raises(QuotaReached, match="the limit"):
            session.write(10 * KIB)
    session.recorder.exited(session.stream, Exited(status=0))
    session.recorder.close_stream(session.stream, StreamClosed(output_bytes=190 * KIB))
    assert session.recorder.failure is None


@pytest.mark.parametrize("flood", ["resized", "signalled", "note", "session note", "streams"])
def test_events_count_like_content_against_every_limit(flood: str) -> None:
    bench = Bench(replace(LIMITS, session_bytes_max=MIB, person_bytes_max=100 * KIB))
    session = bench.session()
    recorder, stream = session.recorder, session.stream
    causes: dict[str, Callable[[], object]] = {
        "resized": lambda: recorder.resized(stream, 80, 24),
        "signalled": lambda: recorder.signalled(stream, "INT"),
        "note": lambda: recorder.note(stream, Note("sftp.open", path=b"x" * 100)),
        "session note": lambda: recorder.note(0, Note("forward.listen")),
        "streams": lambda: recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT, command=b"true"),
    }
    with pytest.raises(QuotaReached):
        again_and_again(causes[flood])
    assert bench.written <= 100 * KIB
    recorder.exited(stream, Exited(status=0))
    recorder.close_stream(stream, StreamClosed())
    assert bench.written <= 100 * KIB + CLOSING_BYTES


def test_events_stop_where_the_disk_s_reserve_begins() -> None:
    bench = Bench(replace(LIMITS, reserve_bytes=64 * KIB))
    bench.disk.free = 80 * KIB
    session = bench.session()
    with pytest.raises(QuotaReached):
        session.resize(20_000)
    assert bench.written <= 80 * KIB - 32 * KIB


def test_streams_that_open_without_end_pay_for_their_closing_ahead() -> None:
    bench = Bench()
    session = bench.session()
    opened = [session.stream]
    with pytest.raises(QuotaReached, match="the limit"):
        again_and_again(lambda: opened.append(session.recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)))
    assert len(opened) > 100
    for stream in opened:
        session.recorder.exited(stream, Exited(signal="KILL", message="x" * 100))
        session.recorder.close_stream(stream, StreamClosed(2**53, 2**53, 2**53))
    assert bench.written <= LIMITS.session_bytes_max


def test_what_closings_did_not_need_is_given_back() -> None:
    session = Bench(replace(LIMITS, session_bytes_max=60 * KIB)).session()
    for _ in range(200):
        stream = session.recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)
        session.recorder.close_stream(stream, StreamClosed())
    session.write(KIB)


def test_an_exit_with_a_long_message_is_no_way_around_the_limit() -> None:
    bench = Bench()
    session = bench.session()
    session.write(190 * KIB)
    with pytest.raises(QuotaReached):
        session.recorder.exited(session.stream, Exited(signal="KILL", message="x" * 50 * KIB))
    assert bench.written <= LIMITS.session_bytes_max


def test_a_person_s_quota_ends_the_longest_recording_of_that_person() -> None:
    bench = Bench()
    flood, typing = bench.session(), bench.session()
    flood.write(150 * KIB)
    typing.write(100 * KIB)
    typing.write(49 * KIB)
    assert [type(error) for error in flood.ended] == [QuotaReached]
    assert typing.ended == []
    with pytest.raises(QuotaReached):
        flood.write(1)
    flood.recorder.close_stream(flood.stream, StreamClosed())


def test_a_person_s_longest_recording_ends_itself() -> None:
    bench = Bench()
    typing, flood = bench.session(), bench.session()
    typing.write(110 * KIB)
    flood.write(150 * KIB)
    with pytest.raises(QuotaReached):
        flood.write(45 * KIB)
    typing.write(KIB)
    assert typing.ended == []


def test_a_person_can_not_go_beyond_the_ceiling_by_ending_one_session_after_the_other() -> None:
    bench = Bench()
    sessions = [bench.session() for _ in range(20)]
    for _ in range(100):
        for session in sessions:
            if not session.ended:
                try:
                    session.write(5 * KIB)
                except QuotaReached as error:
                    session.ended.append(error)
    assert all(session.ended for session in sessions)
    assert bench.written <= LIMITS.person_bytes_max * 9 / 8 + len(sessions) * CLOSING_BYTES


async def test_who_filled_a_resource_opens_nothing_until_that_is_shipped() -> None:
    bench = Bench(replace(LIMITS, resource_bytes_max=100 * KIB))
    flood = bench.session()
    with pytest.raises(QuotaReached):
        flood.write(150 * KIB)
    with pytest.raises(QuotaReached):
        bench.session(node="o")
    bench.session("v").write(KIB)
    await bench.spool.seal(flood.recorder, "recorder_failed")
    await bench.spool.forget(flood.session_id)
    bench.session().write(KIB)


async def test_a_person_with_a_full_spool_opens_nothing_until_it_is_shipped() -> None:
    bench = Bench()
    shipped = bench.session()
    shipped.write(149 * KIB)
    await bench.spool.seal(shipped.recorder, "closed")
    bench.session().write(147 * KIB + 500)
    with pytest.raises(QuotaReached):
        bench.session()
    bench.session("v").write(KIB)
    await bench.spool.forget(shipped.session_id)
    bench.session().write(100 * KIB)


def test_a_full_resource_ends_the_one_who_filled_it_and_not_the_next_who_types() -> None:
    bench = Bench()
    floods = [bench.session(user) for user in "vwx"]
    for size, flood in zip((130, 135, 120), floods, strict=True):
        flood.write(size * KIB)
    innocent = bench.session("y")
    innocent.write(10 * KIB)
    innocent.write(10 * KIB)
    assert [len(flood.ended) for flood in floods] == [0, 1, 0]
    assert innocent.ended == []
    floods[0].write(KIB)


def test_a_full_resource_never_ends_short_recordings() -> None:
    bench = Bench(replace(LIMITS, resource_bytes_max=60 * KIB))
    sessions = [bench.session(user) for user in "vwxy"]
    for session in sessions:
        session.write(17 * KIB)
    assert [session.ended for session in sessions] == [[], [], [], []]
    with pytest.raises(QuotaReached):
        sessions[0].write(5 * KIB)


def test_a_full_resource_ends_the_person_with_many_short_recordings_and_not_another_s_long_one() -> None:
    bench = Bench(replace(LIMITS, person_bytes_max=400 * KIB))
    bystander = bench.session("v")
    bystander.write(100 * KIB)
    floods = [bench.session("w") for _ in range(25)]
    for flood in floods:
        with contextlib.suppress(QuotaReached):
            flood.write(15 * KIB)
    assert bystander.ended == []
    assert any(flood.ended for flood in floods)
    bystander.write(10 * KIB)


def test_a_short_disk_ends_the_person_with_many_short_recordings_and_not_another_s_long_one() -> None:
    bench = Bench(replace(RecorderLimits(), reserve_bytes=100 * MIB))
    bench.disk.free = 200 * MIB
    bystander, floods = bench.session("v"), [bench.session("w") for _ in range(5)]
    bystander.write(30 * MIB)
    for flood in floods:
        flood.write(10 * MIB)
    bench.disk.free = 90 * MIB
    bench.spool.look()
    bystander.write(MIB)
    assert bystander.ended == []
    assert sum(len(flood.ended) for flood in floods) == 1


async def test_what_waits_to_be_shipped_counts_for_its_person_when_the_disk_runs_short() -> None:
    bench = Bench(replace(RecorderLimits(), reserve_bytes=100 * MIB))
    bench.disk.free = 300 * MIB
    bystander = bench.session("v")
    bystander.write(30 * MIB)
    for _ in range(4):
        done = bench.session("w")
        done.write(10 * MIB)
        await bench.spool.seal(done.recorder, "closed")
    flood = bench.session("w")
    flood.write(MIB)
    bench.disk.free = 90 * MIB
    bench.spool.look()
    bystander.write(MIB)
    assert (len(flood.ended), bystander.ended) == (1, [])


def test_one_resource_s_quota_is_nothing_to_another() -> None:
    bench = Bench()
    others = [bench.session(user, "o") for user in "vw"]
    for other in others:
        other.write(190 * KIB)
    bench.session("x").write(100 * KIB)
    assert [other.ended for other in others] == [[], []]


def test_a_short_disk_ends_the_longest_recording_first() -> None:
    bench = Bench(replace(RecorderLimits(), reserve_bytes=100 * MIB))
    bench.disk.free = 200 * MIB
    longest, long, typing = bench.session("v"), bench.session("w"), bench.session("x")
    longest.write(30 * MIB)
    long.write(20 * MIB)
    bench.disk.free = 90 * MIB
    bench.spool.look()
    typing.write(100)
    assert (longest.ended, long.ended) == ([], [])
    long.write(MIB)
    assert len(longest.ended) == 1
    assert long.ended == typing.ended == []
    long.write(MIB)
    with pytest.raises(QuotaReached):
        bench.session("y")
    bench.disk.free = 70 * MIB
    bench.spool.look()
    with pytest.raises(QuotaReached):
        long.write(MIB)
    typing.write(100)
    bench.disk.free = 40 * MIB
    bench.spool.look()
    with pytest.raises(QuotaReached):
        typing.write(100)
    typing.recorder.close_stream(typing.stream, StreamClosed())


def test_many_sessions_can_not_fill_the_part_of_the_disk_that_is_kept() -> None:
    bench = Bench(replace(RecorderLimits(), reserve_bytes=64 * KIB))
    whole = bench.disk.free = 256 * KIB
    sessions = [bench.session(user) for user in string.ascii_letters[:12] + string.ascii_letters[:12]]
    for _ in range(50):
        for session in sessions:
            bench.disk.free = whole - bench.written
            try:
                session.write(KIB)
                session.resize(5)
            except QuotaReached:
                session.recorder.elapsed_micros()
    assert bench.written <= whole - 32 * KIB
    for session in sessions:
        session.recorder.close_stream(session.stream, StreamClosed())


async def test_a_restart_gives_nobody_a_fresh_quota() -> None:
    bench = Bench()
    sealed, live = bench.session(), bench.session()
    sealed.write(140 * KIB)
    live.write(140 * KIB)
    await bench.spool.seal(sealed.recorder, "closed")
    bench.restarted()
    for _ in range(2):
        await bench.spool.recover("gateway_lost")
    again = bench.session()
    with pytest.raises(QuotaReached):
        again.write(60 * KIB)
    await bench.spool.forget(sealed.session_id)
    await bench.spool.forget(live.session_id)
    await bench.spool.seal(again.recorder, "recorder_failed")
    await bench.spool.forget(again.session_id)
    bench.session().write(150 * KIB)


async def test_a_recording_that_could_not_be_sealed_counts_until_it_is_gone() -> None:
    bench = Bench()
    session = bench.session()
    session.write(150 * KIB)
    room, bench.disk.room_bytes = bench.disk.room_bytes, 0
    with pytest.raises(RecorderFailed):
        await bench.spool.seal(session.recorder, "closed")
    bench.disk.room_bytes = room
    with pytest.raises(QuotaReached):
        bench.session().write(160 * KIB)


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60 * KIB), st.booleans()), max_size=60)


@given(steps=STEPS)
async def test_whatever_sessions_do_the_sums_are_those_of_the_disk(steps: list[tuple[int, int, bool]]) -> None:
    bench = Bench()
    sessions = [bench.session("vw"[number % 2], "no"[number % 3 % 2]) for number in range(6)]
    for number, size, closes in steps:
        session = sessions[number]
        try:
            session.write(size)
            if closes:
                extra = session.recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)
                session.recorder.close_stream(extra, StreamClosed())
        except QuotaReached:
            continue
    budget = bench.spool.budget
    for session in sessions:
        await bench.spool.seal(session.recorder, "closed")
    recordings = {name: data for name, data in bench.disk.contents.items() if name.endswith(".dwr")}
    for user in "vw":
        mine = [len(data) for data in recordings.values() if header_user(bytes(data)) == user * 26]
        assert budget.used_by(f"user {user * 26}") == sum(mine)
        assert sum(mine) <= LIMITS.person_bytes_max * 9 / 8 + 3 * CLOSING_BYTES
    for session in sessions:
        await bench.spool.forget(session.session_id)
    assert [budget.used_by(f"{kind} {letter * 26}") for kind in ("user", "node") for letter in "vwno"] == [0] * 8
    assert budget.is_empty


def header_user(data: bytes) -> str:
    content = recover(data).frames[0].content
    return str(getattr(content, "user_id", ""))
