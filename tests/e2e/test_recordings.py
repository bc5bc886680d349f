"""What was recorded is what was seen, and nobody sees it unseen."""

import json
from pathlib import Path

import pytest
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
