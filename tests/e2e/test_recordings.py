"""What was recorded is what was seen, and nobody sees it unseen."""

import json
import time
from pathlib import Path
from typing import Final

import pytest
from demo.people import DW
from demo.terminal import Terminal
from tests.support.house import House
from tests.support.people import Person


@pytest.fixture(scope="module")
def erin(house: House) -> Person:
    return house.user("erin")


def asciicast(text: str) -> tuple[dict[str, object], list[tuple[float, str, str]]]:
    """Header and events; asciicast v3: JSON lines, times are intervals, `#` begins a comment."""
    header, *lines = [json.loads(line) for line in text.splitlines() if not line.startswith("#")]
    return header, [(float(interval), str(code), str(data)) for interval, code, data in lines]


def test_a_shell_is_played_as_it_was_seen(house: House, erin: Person) -> None:
    with house.shell(erin) as terminal:
        terminal.enter("printf 'col\\tumn \\303\\251\\n'; echo end-$((1))\n")
        terminal.read_until("end-1")
        terminal.enter("exit\n")
        terminal.wait()
    session = house.sessions(erin)[0]["id"]
    played = house.recording(session)
    seen = [line.strip() for line in terminal.screen.splitlines() if line.strip() and "Connection to" not in line]
    for line in seen:
        assert line in played
    assert "col\tumn é" in played or "umn é" in played


def test_a_command_is_recorded_with_its_output(house: House, erin: Person) -> None:
    assert house.ssh(erin, "echo to-out; echo to-err >&2").returncode == 0
    played = house.recording(house.sessions(erin)[0]["id"])
    assert "echo to-out; echo to-err >&2" in played
    assert "\nto-out" in played
    assert "\nto-err" in played


def test_an_export_is_asciicast_three(house: House, erin: Person, tmp_path: Path) -> None:
    with house.shell(erin) as terminal:
        terminal.resize(100, 30)
        terminal.enter("until stty size | grep -q '^30 100'; do sleep 0.1; done; echo wide-$((1))\n")
        terminal.read_until("wide-1")
        terminal.enter("exit 9\n")
        terminal.wait()
    session = house.sessions(erin)[0]["id"]
    house.recording(session)
    header, events = asciicast(house.admin.dw("recordings", "export", session, "--format", "asciicast"))
    assert header["version"] == 3
    assert header["term"] == {"cols": 80, "rows": 24, "type": "xterm"}
    assert "wide-1" in "".join(data for _, code, data in events if code == "o")
    assert [data for _, code, data in events if code == "r"] == ["100x30"]
    assert events[-1][1:] == ("x", "9")
    assert all(interval >= 0 for interval, _, _ in events)


def test_a_container_is_written_once(house: House, erin: Person, tmp_path: Path) -> None:
    assert house.ssh(erin, "true").returncode == 0
    session = house.sessions(erin)[0]["id"]
    house.recording(session)
    words = ["recordings", "export", session, "--format", "container", "-O", str(tmp_path / "kept")]
    house.admin.dw(*words)
    assert (tmp_path / "kept").stat().st_size > 100
    assert house.admin.run(*words).returncode != 0


def test_one_who_may_not_replay_sees_nothing(house: House, erin: Person) -> None:
    assert house.ssh(erin, "echo secret-of-erin").returncode == 0
    session = house.sessions(erin)[0]["id"]
    house.recording(session)
    other = house.user("nosy", "access")
    for person in (erin, other):
        done = person.run("play", "--no-wait", session)
        assert (done.returncode, done.stdout) == (3, "")
    assert json.loads(other.dw("recordings", "ls", "--json")) == []


def test_each_viewing_and_export_is_in_the_log(house: House, erin: Person) -> None:
    assert house.ssh(erin, "true").returncode == 0
    session = house.sessions(erin)[0]["id"]
    house.recording(session)
    house.admin.dw("recordings", "export", session)
    found = house.events("--session", session, "--type", "recording.viewed,recording.exported")
    assert [each["type"] for each in found] == ["recording.exported", "recording.viewed"]


def test_what_a_program_writes_can_not_make_the_terminal_answer(house: House, erin: Person) -> None:
    assert house.ssh(erin, r"printf 'a\033[cb\033]52;c;aGk=\007c\n'").returncode == 0
    played = house.recording(house.sessions(erin)[0]["id"])
    assert "abc" in played.replace("\r", "")
    assert "\x1b[c" not in played
    assert "\x1b]52" not in played


PAUSE_SECONDS: Final = 8


@pytest.fixture(scope="module")
def slow(house: House, erin: Person) -> str:
    """The session of a command that says two words with a long pause in between."""
    assert house.ssh(erin, f"echo first-$((1)); sleep {PAUSE_SECONDS}; echo last-$((1))").returncode == 0
    session = str(house.sessions(erin)[0]["id"])
    house.recording(session)
    return session


def replay(house: House, session: str, *words: str) -> Terminal:
    return Terminal([*DW, "play", session, *words], house.admin.env())


def pause(terminal: Terminal) -> float:
    """Seconds between the two words, as somebody saw it who waited."""
    terminal.read_until("first-1")
    began = time.monotonic()
    terminal.read_until("last-1")
    assert terminal.wait() == 0
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("words", "shortest", "longest"),
    [
        (("--idle", "0"), PAUSE_SECONDS - 1, PAUSE_SECONDS + 5),
        (("--idle", "0", "--speed", "8"), 0.5, PAUSE_SECONDS - 3),
        (("--idle", "5s"), 4, PAUSE_SECONDS - 1),
        (("--idle", "0", "--from", f"{PAUSE_SECONDS}s"), 0, PAUSE_SECONDS - 3),
    ],
)
def test_a_replay_on_a_terminal_takes_the_time_that_was_asked_for(
    house: House, slow: str, words: tuple[str, ...], shortest: float, longest: float
) -> None:
    with replay(house, slow, *words) as terminal:
        assert shortest <= pause(terminal) <= longest


def test_one_who_seeks_while_paused_sees_the_screen_of_that_moment(house: House, slow: str) -> None:
    with replay(house, slow, "--idle", "0") as terminal:
        terminal.read_until("first-1")
        terminal.enter(" ")
        terminal.screen = ""
        terminal.enter("\x1b[C")
        assert "last-1" not in terminal.read_until("first-1")
        terminal.enter("\x1b[C")
        terminal.read_until("last-1")
        terminal.enter("q")
        assert terminal.wait() == 0


def test_an_exported_container_is_verified_and_a_changed_one_is_not(
    house: House, erin: Person, slow: str, tmp_path: Path
) -> None:
    file = tmp_path / "kept"
    house.admin.dw("recordings", "export", slow, "--format", "container", "-O", str(file))
    assert f"session {slow}: sealed as it is here" in house.admin.dw("recordings", "verify", str(file))
    file.write_bytes(file.read_bytes().replace(b"first-1", b"worst-1"))
    done = house.admin.run("recordings", "verify", str(file))
    assert (done.returncode, done.stdout) == (3, "")
