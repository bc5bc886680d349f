"""The player waits as long as it was, obeys keys, and always leaves the terminal as it was."""

import io
from datetime import timedelta

import pytest
from tests.support.recordings import encoded, output, recording, shell

from doorward.base.clock import ManualClock
from doorward.base.errors import Missing
from doorward.cli.play.player import CLEAR, SPEEDS, PlayEnd, Player, dump, next_speed
from doorward.domain.recording.reader import CorruptRecording, frames_in
from doorward.domain.recording.screen_rules import RESTORE
from doorward.domain.recording.timeline import Pace

FRAMES = recording(
    (1, 0, shell()),
    *((1, second * 1_000_000, output(b"%d " % second)) for second in range(1, 31)),
)
LEFT, RIGHT = b"\x1b[D", b"\x1b[C"


class Viewer:
    """Presses keys at given moments of its own time, which passes only while the player waits."""

    def __init__(self, *presses: tuple[float, bytes]) -> None:
        self.clock = ManualClock()
        self.presses = list(presses)
        self.shown = io.BytesIO()

    def wait(self, seconds: float | None) -> bytes:
        now = self.clock.elapsed_seconds()
        if self.presses and (seconds is None or self.presses[0][0] <= now + seconds):
            moment, keys = self.presses.pop(0)
            self.clock.advance(timedelta(seconds=max(0.0, moment - now)))
            return keys
        if seconds is None:
            raise EOFError
        self.clock.advance(timedelta(seconds=seconds))
        return b""

    def watch(self, pace: Pace | None = None, start: float = 0, *, on_terminal: bool = False) -> PlayEnd:
        player = Player(
            lambda: FRAMES,
            self.shown,
            clock=self.clock,
            keys=self,
            pace=pace or Pace(),
            stream=1,
            on_terminal=on_terminal,
        )
        return player.run(int(start * 1_000_000))

    @property
    def text(self) -> str:
        return self.shown.getvalue().decode()

    @property
    def seconds(self) -> float:
        return self.clock.elapsed_seconds()


def all_of(first: int, last: int) -> str:
    return "".join(f"{second} " for second in range(first, last + 1))


def test_it_lasts_as_long_as_it_was() -> None:
    viewer = Viewer()
    assert viewer.watch() is PlayEnd.FINISHED
    assert viewer.text == all_of(1, 30)
    assert viewer.seconds == pytest.approx(30)


def test_speed_and_idle_squeeze_shorten_it() -> None:
    viewer = Viewer()
    viewer.watch(Pace(speed=2.0, idle_seconds_max=0.5))
    assert viewer.seconds == pytest.approx(30 * 0.5 / 2)


def test_quit_stops_at_once() -> None:
    viewer = Viewer((4.5, b"q"))
    assert viewer.watch() is PlayEnd.QUIT
    assert viewer.text == all_of(1, 4)


def test_pause_holds_until_the_next_press() -> None:
    viewer = Viewer((2.25, b" "), (102.25, b" "))
    viewer.watch()
    assert viewer.text == all_of(1, 30)
    assert viewer.seconds == pytest.approx(130)


def test_speed_changes_in_the_middle_of_a_wait() -> None:
    viewer = Viewer((0.5, b"+"))
    viewer.watch()
    assert viewer.seconds == pytest.approx(0.5 + 0.25 + 29 / 2)


def test_forward_shows_what_was_skipped_at_once() -> None:
    viewer = Viewer((10.5, RIGHT))
    viewer.watch()
    assert viewer.text == all_of(1, 10) + all_of(1, 30)
    assert viewer.seconds == pytest.approx(25)


def test_back_shows_the_state_then_and_goes_on_from_there() -> None:
    viewer = Viewer((10.5, LEFT), (11.25, b"q"))
    viewer.watch()
    assert viewer.text == all_of(1, 10) + all_of(1, 6)


def test_back_stops_at_the_start() -> None:
    viewer = Viewer((1.5, LEFT + LEFT), (1.75, b"q"))
    viewer.watch()
    assert viewer.text == "1 "


def test_it_can_start_anywhere() -> None:
    viewer = Viewer()
    viewer.watch(start=20)
    assert viewer.text == all_of(1, 30)
    assert viewer.seconds == pytest.approx(10)


@pytest.mark.parametrize("presses", [[], [(3.0, b"q")], [(3.0, b" ")]])
def test_a_terminal_is_put_back_on_every_path(presses: list[tuple[float, bytes]]) -> None:
    viewer = Viewer(*presses)
    try:
        viewer.watch(on_terminal=True)
    except EOFError:
        assert presses == [(3.0, b" ")]
    assert viewer.shown.getvalue().startswith(RESTORE + CLEAR)
    assert viewer.shown.getvalue().endswith(RESTORE + b"\r\n")


def test_a_dump_shows_the_same_without_waiting() -> None:
    sink = io.BytesIO()
    dump(lambda: FRAMES, sink, stream=1)
    assert sink.getvalue().decode() == all_of(1, 30)


def test_hostile_output_does_not_reach_the_viewer() -> None:
    frames = recording((1, 0, shell()), (1, 1, output(b"a\x1b[6n\x1b]52;c;?\x07b")))
    sink = io.BytesIO()
    dump(lambda: frames, sink, stream=1)
    assert sink.getvalue() == b"ab"


def test_damage_is_told_after_what_can_be_shown() -> None:
    data = encoded(recording((1, 0, shell()), (1, 1, output(b"seen")), ended=False)) + b"x" * 40
    sink = io.BytesIO()
    with pytest.raises(CorruptRecording):
        dump(lambda: frames_in([data[:-40], data[-40:]]), sink, stream=1)
    assert sink.getvalue() == b"seen"


def test_speeds_have_ends() -> None:
    assert next_speed(1.0, faster=True) == 2.0
    assert next_speed(3.0, faster=False) == 2.0
    assert next_speed(SPEEDS[-1], faster=True) == SPEEDS[-1]
    assert next_speed(SPEEDS[0], faster=False) == SPEEDS[0]


@pytest.mark.parametrize(("key", "shown"), [(RIGHT, all_of(1, 9)), (LEFT, "")])
def test_seeking_while_paused_shows_the_screen_of_that_moment_and_stays_paused(key: bytes, shown: str) -> None:
    viewer = Viewer((4.5, b" "), (5.0, key), (8.0, b"q"))
    assert viewer.watch() is PlayEnd.QUIT
    assert viewer.text == all_of(1, 4) + shown
    assert viewer.seconds == 8.0


def test_a_stream_that_is_not_there_is_said() -> None:
    with pytest.raises(Missing, match="stream 9"):
        dump(lambda: FRAMES, io.BytesIO(), stream=9)
