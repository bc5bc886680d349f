"""Things break: a gateway or an authority is killed, a node is down, another one, or does not want us."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest
from tests.support.house import House, eventually
from tests.support.people import Person
from tests.support.ports import answers
from tests.support.processes import children_of
from tests.support.ssh_keys import make_key

from doorward.main.layout import Layout

SYNC_SECONDS: Final = 1.5
"""The gateway syncs what it recorded each second."""
FLOOD_BYTES: Final = 60_000_000
GROWTH_KIB_MAX: Final = 40_000
READ_FIRST_BYTES: Final = 4_000_000
STOPPED_SECONDS: Final = 4.0


def test_a_killed_gateway_leaves_a_recording_and_an_ended_session(house: House) -> None:
    person = house.user("killed")
    old = house.installation.pid_of("gateway")
    with house.shell(person) as terminal:
        terminal.enter("echo kept-$((1))\n")
        terminal.read_until("kept-1")
        time.sleep(SYNC_SECONDS)
        session = house.sessions(person)[0]["id"]
        os.kill(old, signal.SIGKILL)
        assert terminal.wait() == 255
    eventually(lambda: back(house, "gateway", old), "the gateway was not started again")
    serves_again(house, person)
    seen = house.ended(session)
    assert seen["end_reason"] == "gateway_lost"
    assert "kept-1" in house.recording(session)


def test_without_the_authority_sessions_go_on_and_none_begins(house: House) -> None:
    person = house.user("going-on")
    old = house.installation.pid_of("authority")
    with house.shell(person) as terminal:
        os.kill(old, signal.SIGKILL)
        done = house.ssh(person, "exit 3")
        assert done.returncode == 255
        assert b"doorward: the authority can not be reached" in done.stderr
        terminal.enter("echo on-$((1))\n")
        terminal.read_until("on-1")
        eventually(lambda: back(house, "authority", old), "the authority was not started again")
        serves_again(house, person)
        terminal.enter("echo on-$((2)); exit 4\n")
        terminal.read_until("on-2")
        assert terminal.wait() == 4
    session = house.sessions(person)[-1]["id"]
    assert house.ended(session)["end_reason"] == "closed"
    assert "on-2" in house.recording(session)


def test_a_killed_signer_comes_back(house: House) -> None:
    person = house.user("signed")
    old = house.installation.pid_of("signer")
    os.kill(old, signal.SIGKILL)
    eventually(lambda: back(house, "signer", old), "the signer was not started again")
    serves_again(house, person)


def serves_again(house: House, person: Person) -> None:
    """New sessions begin; what ssh and the processes said last otherwise."""
    said: list[str] = []

    def begins() -> bool:
        done = house.ssh(person, "exit 3")
        said.append(done.stderr.decode())
        return done.returncode == 3

    try:
        eventually(begins, "new sessions do not begin")
    except AssertionError as error:
        raise AssertionError(f"{error}: {said[-1]}\n{house.installation.log.read_text()[-3000:]}") from None


def back(house: House, role: str, old: int) -> bool:
    try:
        return house.installation.pid_of(role) != old and answers(house.installation.port)
    except AssertionError:
        return False


def test_a_node_that_is_down_is_named(house: House) -> None:
    person, node = house.user("downed"), house.another_node("down-01")
    node.sshd.stop()
    done = house.ssh(person, "id", node="down-01")
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"doorward: down-01 can not be reached" in done.stderr
    node.sshd.start()


def test_a_node_that_goes_down_ends_what_is_open(house: House) -> None:
    person, node = house.user("dropped"), house.another_node("going-01")
    with house.shell(person, "going-01") as terminal:
        for pid in children_of(node.sshd.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert terminal.wait() == 255
    assert "doorward: the node closed the connection" in terminal.screen
    assert house.ended(house.sessions(person)[0]["id"])["end_reason"] == "upstream_closed"


def test_another_host_key_is_refused_loudly(house: House) -> None:
    person, node = house.user("deceived"), house.another_node("changed-01")
    node.sshd.stop()
    for file in (node.sshd.host_key.private, node.sshd.host_key.public):
        file.unlink()
    make_key(node.sshd.host_key.private)
    node.sshd.start()
    done = house.ssh(person, "id", node="changed-01")
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"changed-01 is not the host that it should be" in done.stderr
    assert b"Nothing was sent to it" in done.stderr

    def event() -> list[dict[str, object]]:
        return house.events("--type", "node.key_mismatch", "--resource", "node/changed-01")

    assert len(eventually(event, "no event tells of the other key")) == 1


def test_a_node_that_refuses_our_certificate_is_named_with_the_likely_reasons(house: House) -> None:
    person, node = house.user("unwanted"), house.another_node("unwilling-01")
    (node.sshd.directory / "doorward" / "principals" / house.root).unlink()
    done = house.ssh(person, "id", node="unwilling-01")
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"unwilling-01 refused the certificate of this session" in done.stderr
    assert b"its clock is wrong" in done.stderr


def test_a_flood_of_output_does_not_grow_the_gateway(house: House) -> None:
    person = house.user("flooding")
    before = memory_kib(house)
    done = house.ssh(person, f"head -c {FLOOD_BYTES} /dev/urandom")
    assert len(done.stdout) == FLOOD_BYTES
    assert memory_kib(house) - before < GROWTH_KIB_MAX


def test_a_flood_that_nobody_reads_waits_at_its_source(house: House) -> None:
    person = house.user("not-reading")
    command = house.command(person, "cat /dev/urandom", options=["-tt"])
    with subprocess.Popen(
        command, env=person.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as flood:
        assert flood.stdout is not None
        try:
            flood.stdout.read(READ_FIRST_BYTES)  # ssh, the gateway and the node are in full flow
            os.kill(flood.pid, signal.SIGSTOP)
            gateway = house.installation.pid_of("gateway")
            before = memory_kib(house)
            Path(f"/proc/{gateway}/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
            time.sleep(STOPPED_SECONDS)
            assert memory_kib(house, "VmHWM") - before < GROWTH_KIB_MAX
            stood = spooled_bytes(house)
            time.sleep(1)
            assert spooled_bytes(house) == stood  # nothing passes that nobody takes
            os.kill(flood.pid, signal.SIGCONT)
            assert len(flood.stdout.read(READ_FIRST_BYTES)) == READ_FIRST_BYTES
            assert memory_kib(house, "VmHWM") - before < GROWTH_KIB_MAX
        finally:
            flood.kill()
    session = house.sessions(person)[0]["id"]
    assert house.ended(session)["end_reason"] == "closed"


def spooled_bytes(house: House) -> int:
    """What was recorded and is still at the gateway, or has come to the authority: whichever says more of a file."""
    kept = [house.installation.data / "gateway" / "spool", house.installation.data / "authority" / "recordings"]
    sizes = [file.stat().st_size for folder in kept for file in folder.rglob("*") if file.is_file()]
    return max(sizes, default=0)


def memory_kib(house: House, field: str = "VmRSS") -> int:
    status = Path(f"/proc/{house.installation.pid_of('gateway')}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


@pytest.mark.parametrize("role", ["gateway", "authority"])
def test_no_process_but_the_signer_can_read_the_keys(house: House, role: str) -> None:
    pid = house.installation.pid_of(role)
    assert b"KEK" not in Path(f"/proc/{pid}/environ").read_bytes().upper()
    data = house.installation.data
    forbidden = [data / "keys", data / "kek", *([data / "authority"] if role == "gateway" else [])]
    for opened in opened_by(pid):
        assert not any(opened.is_relative_to(each) for each in forbidden), opened


def opened_by(pid: int) -> set[Path]:
    """Files that the process has open or mapped."""
    found = {Path(line.split(maxsplit=5)[5]) for line in mapped(pid) if len(line.split(maxsplit=5)) == 6}
    for number in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(number.readlink())
    return found


def mapped(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()


def test_a_locked_database_opens_nothing_says_so_and_recovers(house: House) -> None:
    person = house.user("locked-out")
    assert house.ssh(person, "exit 3").returncode == 3
    before = len(house.sessions(person))
    with contextlib.closing(sqlite3.connect(Layout(house.installation.data).database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = house.ssh(person, "exit 3")
        other.execute("ROLLBACK")
    assert done.returncode == 255
    assert b"doorward: using the store: the database is locked, full or gone" in done.stderr
    serves_again(house, person)
    house.admin.dw("audit", "verify")
    assert len(house.sessions(person)) > before
