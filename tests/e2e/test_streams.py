"""What a session carries: commands, their input, output and ends, and terminals, through stock clients."""

import hashlib
import os
import subprocess
from pathlib import Path

import asyncssh
import pytest
from tests.support.house import NODE, House
from tests.support.people import Person

MEBIBYTES = 10


@pytest.fixture(scope="module")
def bob(house: House) -> Person:
    return house.user("bob")


@pytest.mark.parametrize("status", [0, 1, 7, 126, 254])
def test_the_exit_status_comes_back_exactly(house: House, bob: Person, status: int) -> None:
    assert house.ssh(bob, f"exit {status}").returncode == status


async def test_an_exit_signal_comes_back_by_name(house: House, bob: Person) -> None:
    options = {
        "client_keys": [str(bob.keep / "id_ed25519")],
        "known_hosts": str(bob.keep / "known_hosts"),
        "username": f"{house.root}@{NODE}",
        "agent_path": None,
        "config": None,
    }
    async with asyncssh.connect("localhost", house.installation.port, **options) as connection:
        done = await connection.run("kill -TERM $$", check=False)
    assert done.exit_signal is not None
    assert done.exit_signal[0] == "TERM"


def test_standard_input_goes_to_its_end(house: House, bob: Person) -> None:
    done = house.ssh(bob, "cat; echo over", stdin=b"first\nlast, without a line end")
    assert done.stdout == b"first\nlast, without a line endover\n"


def test_errors_stay_apart_from_output(house: House, bob: Person) -> None:
    done = house.ssh(bob, "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)


def test_ten_mebibytes_pass_unchanged_both_ways(house: House, bob: Person) -> None:
    data = os.urandom(MEBIBYTES * 1024 * 1024)
    done = house.ssh(bob, "tee /dev/stderr | sha256sum", stdin=data)
    digest = hashlib.sha256(data).hexdigest()
    assert done.returncode == 0
    assert done.stdout.split()[0].decode() == digest
    assert hashlib.sha256(done.stderr).hexdigest() == digest


def test_cat_gives_back_what_it_was_given(house: House, bob: Person) -> None:
    data = os.urandom(MEBIBYTES * 1024 * 1024)
    assert house.ssh(bob, "cat", stdin=data).stdout == data


def test_a_terminal_has_the_size_of_ours_and_follows_it(house: House, bob: Person) -> None:
    with house.shell(bob) as terminal:
        terminal.enter("stty size; echo done-$((1))\n")
        assert "24 80" in terminal.read_until("done-1")
        terminal.resize(132, 43)
        # The new size travels beside what is typed: ask until it is there.
        terminal.enter("until stty size | grep -q '^43 132'; do sleep 0.1; done; echo done-$((2))\n")
        terminal.read_until("done-2")
        terminal.enter("exit 5\n")
        assert terminal.wait() == 5


def test_control_c_reaches_the_program(house: House, bob: Person) -> None:
    with house.shell(bob) as terminal:
        # The program itself says that it runs; and what is typed in the same instant as an interrupt may be flushed.
        terminal.enter("sh -c 'echo sleeping-$((1)); exec sleep 60'\n")
        terminal.read_until("sleeping-1")
        terminal.enter("\x03")
        terminal.read_until("^C")
        terminal.enter("echo here-$((1))\n")
        terminal.read_until("here-1", seconds=10)


def test_one_connection_carries_many_channels(house: House, bob: Person, tmp_path: Path) -> None:
    socket = house.folder / f"cm-{os.getpid()}"
    shared = ["-o", f"ControlPath={socket}"]
    before = len(house.sessions(bob))
    master = subprocess.Popen(
        house.command(bob, options=[*shared, "-M", "-N"]), env=bob.env(), stdin=subprocess.DEVNULL
    )
    try:
        while not socket.exists():
            assert master.poll() is None
        running = [
            subprocess.Popen(
                house.command(bob, f"echo {number}; exit {number}", options=shared),
                env=bob.env(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            for number in range(8)
        ]
        answers = [(each.communicate(timeout=30)[0], each.returncode) for each in running]
    finally:
        # By its socket: ssh may sleep through a signal that comes between its look and its sleep, until it hears of us.
        quits = house.command(bob, options=[*shared, "-O", "exit"])
        subprocess.run(quits, env=bob.env(), capture_output=True, timeout=10, check=False)
        try:
            master.wait(10)
        finally:
            master.kill()
    assert answers == [(f"{number}\n".encode(), number) for number in range(8)]
    assert len(house.sessions(bob)) == before + 1


def test_only_listed_variables_of_the_environment_pass(house: House, bob: Person) -> None:
    wanted = {"LC_DOORWARD": "listed", "DOORWARD_SECRET": "unlisted", "LD_PRELOAD_X": "unlisted"}
    options = ["-o", "SendEnv=LC_DOORWARD DOORWARD_SECRET LD_PRELOAD_X"]
    done = house.ssh(bob, "env", options=options, environment=wanted)
    assert b"LC_DOORWARD=listed" in done.stdout
    assert b"unlisted" not in done.stdout


def test_a_remote_forward_is_refused(house: House, bob: Person) -> None:
    options = ["-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"]
    done = house.ssh(bob, "echo ran", options=options)
    assert (done.returncode, done.stdout) == (255, b"")


def test_a_local_forward_leads_nowhere(house: House, bob: Person) -> None:
    done = house.ssh(bob, options=["-W", f"127.0.0.1:{house.node.sshd.port}"], stdin=b"SSH-2.0-probe\r\n")
    assert done.returncode != 0
    assert b"SSH-2.0-OpenSSH" not in done.stdout


def test_dw_ssh_is_the_same_way(house: House, bob: Person) -> None:
    done = bob.run("ssh", f"{house.root}@{NODE}", "id -un; exit 4")
    assert (done.stdout.strip(), done.returncode) == (house.root, 4), done.stderr


def test_rsync_carries_a_folder_there_and_back(house: House, bob: Person, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "data").write_bytes(os.urandom(300_000))
    shell = " ".join(house.command(bob)[:-1])
    target = f"{house.root}@{NODE}@localhost:dwt-rsync-{os.getpid()}/"
    for source, to in ((f"{tmp_path}/there/", target), (target, f"{tmp_path}/back/")):
        subprocess.run(["rsync", "-a", "-e", shell, source, to], env=bob.env(), check=True, timeout=60)
    assert (tmp_path / "back" / "data").read_bytes() == (tmp_path / "there" / "data").read_bytes()


def test_scp_in_its_old_form_copies_a_file(house: House, bob: Person, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    words = ["scp", "-O", *bob.ssh_options(), "-P", str(house.installation.port)]
    there = f"{house.root}@{NODE}@localhost:dwt-scp-{os.getpid()}"
    for source, to in ((str(tmp_path / "file"), there), (there, str(tmp_path / "back"))):
        subprocess.run([*words, source, to], env=bob.env(), check=True, timeout=60, capture_output=True)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_each_login_becomes_that_account(house: House, bob: Person) -> None:
    assert house.ssh(bob, "id -un", login=house.node.logins[1]).stdout.decode().strip() == house.node.logins[1]
