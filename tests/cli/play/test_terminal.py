"""On a real terminal: keys work, and its mode is put back whatever ends the player."""

import io
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from tests.support.recordings import encoded, output, recording, shell

from doorward.cli.play.player import PlayEnd
from doorward.cli.play.terminal import TerminalKeys, cbreak, play
from doorward.domain.recording.timeline import Pace

FRAMES = recording((1, 0, shell()), (1, 1_000, output(b"start")), (1, 600_000_000, output(b"end")))

# Whoever runs the tests in the background may have them ignore interrupts, which a child inherits.
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from doorward.cli.play.terminal import play
from doorward.domain.recording.reader import frames_in
from doorward.domain.recording.timeline import Pace
data = Path(sys.argv[1]).read_bytes()
print(play(lambda: frames_in([data]), pace=Pace(), stream=1).value)
"""


def read_until(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(descriptor, 4096)
    return seen


@pytest.mark.parametrize("ending", ["key", "interrupt", "terminate"])
def test_the_terminal_s_mode_is_put_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "recording"
    path.write_bytes(encoded(FRAMES))
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdin=slave, stdout=slave, start_new_session=True
    ) as child:
        read_until(master, b"start")
        assert not termios.tcgetattr(slave)[3] & termios.ECHO
        if ending == "key":
            os.write(master, b"q")
        else:
            child.send_signal(signal.SIGINT if ending == "interrupt" else signal.SIGTERM)
        seen = read_until(master, b"\x1b[0 q")
        code = child.wait(timeout=30)
    assert code == (128 + signal.SIGTERM if ending == "terminate" else 0)
    assert termios.tcgetattr(slave) == before
    assert b"\x1b[?25h" in seen
    os.close(master)
    os.close(slave)


def test_without_a_terminal_it_waits_or_does_not() -> None:
    frames = recording((1, 0, shell()), (1, 1_000, output(b"one")))
    for wait in (True, False):
        sink = io.BytesIO()
        assert play(lambda: frames, pace=Pace(), stream=1, wait=wait, source=0, output=sink) is PlayEnd.FINISHED
        assert sink.getvalue() == b"one"


def test_a_reader_that_goes_away_ends_the_replay() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sink = os.fdopen(writing, "wb", buffering=0)
    assert play(lambda: FRAMES, pace=Pace(), stream=1, wait=False, source=0, output=sink) is PlayEnd.QUIT
    sink.close()


def test_an_error_inside_puts_the_mode_back() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)

    def fail() -> None:
        with cbreak(slave):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert termios.tcgetattr(slave) == before
    with cbreak(slave):
        os.write(master, b" ")
        assert TerminalKeys(slave).wait(5) == b" "
        assert TerminalKeys(slave).wait(0) == b""
    os.close(master)
    os.close(slave)
