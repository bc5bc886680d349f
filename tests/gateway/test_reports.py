"""A session's outbox: in order, again until taken, the end once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
from tests.support.fake_control_plane import FakeControlPlane

from doorward.api.bodies.gateway_calls import NOTES_MAX, Note, SessionEnded, SessionReport, SessionStarted
from doorward.api.problem import Problem, RemoteUnavailable
from doorward.base.clock import ManualClock, SystemClock
from doorward.base.errors import Conflict, DoorwardError, Invalid, Unavailable
from doorward.gateway.refusals import NOTED_FIRST_MAX
from doorward.gateway.reports import (
    NOTES_BYTES_MAX,
    NOTES_CLOSING_MAX,
    NOTES_PENDING_MAX,
    NOTES_PRESSED_BYTES,
    REPORT_BYTES_MAX,
    Outlet,
    SessionReports,
)
from doorward.gateway.turns import AT_ONCE, Turns
from doorward.net.supervise import Tasks

CLOCK = SystemClock()
STARTED = SessionStarted("SHA256:x", "certificate")


def ended(reason: str = "closed") -> SessionEnded:
    return SessionEnded(reason, "output", 1, 2)


def note(number: int = 0) -> Note:
    return Note("stream.opened", {"stream": number})


async def settled(tasks: Tasks) -> None:
    await tasks.settle(5)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        for _ in range(10_000_000):
            if look():
                return
            await asyncio.sleep(0)


def _fail(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


async def test_reports_arrive_in_order_and_the_end_once() -> None:
    plane = FakeControlPlane()
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: None)
        reports.note(note(1))
        reports.started(STARTED)
        reports.note(note(2))
        reports.ended(ended())
        reports.ended(ended("locked"))
        reports.note(note(3))
        await settled(tasks)
    assert plane.started == {"one": STARTED}
    assert plane.notes["one"] == [note(1), note(2)]
    assert plane.end_reason("one") == "closed"


async def test_reports_wait_for_an_authority_that_is_away() -> None:
    plane = FakeControlPlane(is_away=True)
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: None)
        reports.note(note())
        reports.ended(ended())
        for _ in range(5):
            await asyncio.sleep(0)
        assert plane.ended == {}
        plane.is_away = False
        await settled(tasks)
    assert (plane.notes["one"], plane.end_reason("one")) == ([note()], "closed")


async def test_what_the_authority_refuses_is_not_sent_again() -> None:
    class Refusing(FakeControlPlane):
        calls = 0

        async def report_session(self, session_id: str, report: SessionReport) -> None:
            self.calls += 1
            if report.notes:
                raise Conflict("it is over")
            await super().report_session(session_id, report)

    plane, problems, over = Refusing(), list[str](), list[str]()
    async with Tasks(lambda name, error: problems.append(f"{name}: {error}")) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: over.append("full"))
        reports.started(STARTED)
        for number in range(9):
            reports.note(note(number))
        reports.ended(ended())
        await settled(tasks)
    assert problems == ["note 9 events of session one: it is over"]  # said, and not cut up to be refused in pieces
    assert over == ["full"]
    assert (plane.calls, plane.end_reason("one")) == (4, "closed")
    assert (plane.started, plane.notes) == ({"one": STARTED}, {})


async def test_a_short_session_is_told_in_one_call() -> None:
    class Counting(FakeControlPlane):
        calls = 0

        async def report_session(self, session_id: str, report: SessionReport) -> None:
            self.calls += 1
            await super().report_session(session_id, report)

    plane = Counting()
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: None)
        reports.started(STARTED)
        for number in range(3):
            await asyncio.sleep(0)
            reports.note(note(number))
        reports.ended(ended())
        await settled(tasks)
    assert (plane.calls, len(plane.notes["one"]), plane.end_reason("one")) == (1, 3, "closed")


async def test_a_long_session_is_told_of_while_it_lives() -> None:
    plane = FakeControlPlane()
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: None)
        reports.started(STARTED)
        reports.note(note())
        await settled(tasks)
    assert (plane.started, plane.notes, plane.ended) == ({"one": STARTED}, {"one": [note()]}, {})


async def test_many_notes_go_in_batches_that_may_be_sent() -> None:
    sizes: list[int] = []

    class Counting(FakeControlPlane):
        async def report_session(self, session_id: str, report: SessionReport) -> None:
            sizes.append(len(report.notes))

    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(Counting(), tasks, CLOCK), lambda: None)
        for number in range(NOTES_MAX * 2 + 1):
            reports.note(note(number))
        await settled(tasks)
    assert sum(sizes) == NOTES_MAX * 2 + 1
    assert max(sizes) <= NOTES_MAX


async def test_what_is_told_again_after_a_lost_answer_carries_the_same_numbers() -> None:
    class Deaf(FakeControlPlane):
        """Takes each report, and loses every other answer."""

        calls = 0

        async def report_session(self, session_id: str, report: SessionReport) -> None:
            taken = self.notes.setdefault(session_id, [])
            taken += report.notes[max(0, len(taken) + 1 - report.first_note) :]
            self.calls += 1
            if self.calls % 2:
                raise Unavailable("the connection broke before the answer")

    plane, notes = Deaf(), [note(number) for number in range(NOTES_MAX * 2 + 1)]
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: None)
        for one in notes:
            reports.note(one)
        await settled(tasks)
    assert plane.notes["one"] == notes
    assert plane.calls == 6


async def test_notes_that_can_not_be_kept_end_the_session() -> None:
    overflows: list[DoorwardError | str] = []
    plane = FakeControlPlane(is_away=True)
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: overflows.append("full"))
        for number in range(NOTES_PENDING_MAX):
            reports.note(note(number))
        assert overflows == []
        for number in range(NOTES_CLOSING_MAX):  # how its streams ended, which is noted because it ends
            reports.note(note(NOTES_PENDING_MAX + number))
        assert set(overflows) == {"full"}
        assert reports.notes_lost == 0
        reports.note(note())
        assert reports.notes_lost == 1
        plane.is_away = False
        await settled(tasks)
    assert plane.notes["one"] == [note(number) for number in range(NOTES_PENDING_MAX + NOTES_CLOSING_MAX)]


async def test_what_could_not_be_told_at_once_says_how_long_ago_it_was() -> None:
    plane, clock = FakeControlPlane(is_away=True), ManualClock()
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, clock), lambda: None)
        reports.started(STARTED)
        reports.note(note(1))
        clock.advance(timedelta(seconds=30))
        reports.note(note(2))
        for _ in range(5):  # it is tried
            await asyncio.sleep(0)
        clock.advance(timedelta(seconds=30))
        reports.ended(ended())
        plane.is_away = False
        await settled(tasks)
    assert plane.started["one"].age_seconds == 60
    assert [one.age_seconds for one in plane.notes["one"]] == [60, 30]
    assert plane.ended["one"] == [ended()]


async def test_refusals_without_number_are_counted_and_the_count_comes_before_the_end() -> None:
    plane = FakeControlPlane(is_away=True)
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, ManualClock()), lambda: _fail("full", Unavailable("")))
        for number in range(10_000):
            reports.refusal(note(number))
            reports.count_refusals()
        assert reports.refusals_unnoted == 10_000 - NOTED_FIRST_MAX
        reports.ended(ended())
        plane.is_away = False
        await settled(tasks)
    *noted, counted = plane.notes["one"]
    assert noted == [note(number) for number in range(NOTED_FIRST_MAX)]
    assert (counted.type, counted.fields["count"]) == ("refusals.counted", 10_000 - NOTED_FIRST_MAX)
    assert plane.end_reason("one") == "closed"


async def test_what_waits_is_bounded_in_bytes_too() -> None:
    path = "\\xff" * 4096
    large = Note("sftp.operation", {"operation": "rename", "path": path, "path_to": path})
    size = len(msgspec.json.encode(large))
    overflows: list[str] = []
    async with Tasks(_fail) as tasks:
        reports = SessionReports(
            "one", Outlet(FakeControlPlane(is_away=True), tasks, CLOCK), lambda: overflows.append("full")
        )
        for _ in range(NOTES_PRESSED_BYTES // size):
            reports.note(large)
        assert not reports.is_pressed
        reports.note(large)
        assert reports.is_pressed
        for _ in range(NOTES_BYTES_MAX // size - NOTES_PRESSED_BYTES // size - 1):
            reports.note(large)
        assert overflows == []
        for _ in range(NOTES_CLOSING_MAX):
            reports.note(large)
        assert (set(overflows), reports.notes_lost) == ({"full"}, 0)
        reports.note(large)
        assert reports.notes_lost == 1


class Sparing(FakeControlPlane):
    """Takes of each session so many notes in all, unless it is told to take all; says which code then."""

    code = "user_too_fast"
    notes_max = 0
    calls = 0

    async def report_session(self, session_id: str, report: SessionReport) -> None:
        self.calls += 1
        if report.notes and not self.notes_max and session_id.startswith("flood"):
            raise RemoteUnavailable(Problem("", "", 503, "unavailable", self.code))
        await super().report_session(session_id, report)


async def test_that_a_session_has_started_waits_for_no_event() -> None:
    plane = Sparing()
    async with Tasks(_fail) as tasks:
        reports = SessionReports("flood", Outlet(plane, tasks, CLOCK), lambda: None)
        reports.started(STARTED)
        reports.note(note())
        await until(lambda: bool(plane.started))
        assert plane.notes == {}
        plane.notes_max = 1
        reports.ended(ended())
        await settled(tasks)
    assert (plane.notes["flood"], plane.end_reason("flood")) == ([note()], "closed")


async def test_whose_notes_are_held_back_holds_nobody_else_back() -> None:
    plane = Sparing()
    async with Tasks(_fail) as tasks:
        outlet = Outlet(plane, tasks, CLOCK)
        over: list[str] = []
        full = lambda: over.append("eve's")  # noqa: E731
        floods = [SessionReports(f"flood-{at}", outlet, full, user_id="eve") for at in range(AT_ONCE * 4)]
        for one in floods:
            one.note(note())
        await until(lambda: plane.calls >= AT_ONCE * 4)
        for number in range(NOTES_PENDING_MAX + 1):  # it is she who is ended
            floods[0].note(note(number))
        quiet = SessionReports("quiet", outlet, lambda: over.append("bob's"), user_id="bob")
        quiet.started(STARTED)
        quiet.note(note(1))
        quiet.ended(ended())
        await until(lambda: plane.end_reason("quiet") is not None)
        assert (set(plane.notes), set(over)) == ({"quiet"}, {"eve's"})
        plane.notes_max = 1
        await settled(tasks)
    assert len(plane.notes) == AT_ONCE * 4 + 1


async def test_when_the_gateway_tells_too_much_the_order_is_kept() -> None:
    plane = Sparing()
    plane.code = "gateway_too_fast"
    async with Tasks(_fail) as tasks:
        outlet = Outlet(plane, tasks, CLOCK, Turns(at_once=1))
        first = SessionReports("flood", outlet, lambda: None, user_id="eve")
        first.note(note())
        await until(lambda: bool(plane.calls))
        second = SessionReports("quiet", outlet, lambda: None, user_id="bob")
        second.ended(ended())
        for _ in range(20):
            await asyncio.sleep(0)
        assert plane.ended == {}  # its turn comes after the one that waits
        plane.notes_max = 1
        await settled(tasks)
    assert (list(plane.notes), plane.end_reason("quiet")) == (["flood"], "closed")


async def test_reports_are_cut_by_bytes_and_lose_nothing() -> None:
    sizes: list[int] = []

    class Weighing(FakeControlPlane):
        async def report_session(self, session_id: str, report: SessionReport) -> None:
            sizes.append(len(msgspec.json.encode(report)))
            await super().report_session(session_id, report)

    plane = Weighing()
    path = "\\xff" * 4096
    notes = [Note("sftp.operation", {"path": path, "to": path, "number": number}) for number in range(NOTES_MAX)]
    async with Tasks(_fail) as tasks:
        reports = SessionReports("one", Outlet(plane, tasks, CLOCK), lambda: _fail("full", Unavailable("")))
        reports.started(STARTED)
        for one in notes:
            reports.note(one)
        reports.ended(ended())
        await settled(tasks)
    assert plane.notes["one"] == notes
    assert (plane.started, plane.end_reason("one")) == ({"one": STARTED}, "closed")
    assert max(sizes) < 2 * REPORT_BYTES_MAX


async def test_a_note_that_is_refused_ends_the_session_and_costs_no_other() -> None:
    class Picky(FakeControlPlane):
        async def report_session(self, session_id: str, report: SessionReport) -> None:
            if note(5) in report.notes:
                raise Invalid("no such fields")
            await super().report_session(session_id, report)

    plane, told, problems = Picky(), list[str](), list[str]()
    async with Tasks(lambda name, _: problems.append(name)) as tasks:
        reports = SessionReports(
            "one", Outlet(plane, tasks, CLOCK), lambda: told.append("full"), lambda: told.append("told")
        )
        reports.started(STARTED)
        for number in range(9):
            reports.note(note(number))
        reports.ended(ended())
        await settled(tasks)
    assert plane.notes["one"] == [note(number) for number in range(9) if number != 5]
    assert (plane.started, plane.end_reason("one")) == ({"one": STARTED}, "closed")
    assert (told, problems) == (["full", "told"], ["note 1 events of session one"])
