"""Files and forwards through the whole installation, with the programs that people use."""

import asyncio
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.house import NODE, House, role
from tests.support.people import Person
from tests.support.ports import LOOPBACK, free_port, wait_until

BULK_BYTES = 50 * 1024 * 1024
SECONDS_MAX = 90


@pytest.fixture(scope="module")
def forwarders(house: House) -> str:
    """A role that may forward everything."""
    options = "{ssh_port_forwarding: {local: true, remote: true}, forward_agent: true}"
    house.admin.dw("apply", "-f", "-", stdin=role("forwarders", options))
    return "forwarders"


@pytest.fixture(scope="module")
def fay(house: House, forwarders: str) -> Person:
    return house.user("fay", forwarders)


@pytest.fixture(scope="module")
def nora(house: House) -> Person:
    """She may not copy."""
    house.admin.dw("apply", "-f", "-", stdin=role("no-copies", "{ssh_file_copy: false}"))
    return house.user("nora", "no-copies")


@pytest.fixture
def far() -> Iterator[Path]:
    """A folder on the node, which is this machine, that its accounts may write to."""
    folder = Path(tempfile.mkdtemp(prefix="dwt-far-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def run(person: Person, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env={**person.env(), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS_MAX,
        check=False,
    )


def copy(house: House, person: Person, program: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The stock scp or sftp; `far:` in front of a path means the node."""
    host = f"{house.root}@{NODE}@localhost"
    ends = [word.replace("far:", f"{host}:", 1) if word.startswith("far:") else word for word in words]
    return run(person, program, *person.ssh_options(), "-P", str(house.installation.port), *ends, stdin=stdin)


@pytest.mark.parametrize("program", ["scp", "scp -O", "rsync", "sftp"])
def test_fifty_megabytes_go_there_and_back(house: House, fay: Person, far: Path, tmp_path: Path, program: str) -> None:
    data = os.urandom(BULK_BYTES)
    (tmp_path / "source").write_bytes(data)
    there, back = str(far / "file"), str(tmp_path / "back")
    if program == "sftp":
        lines = f"put {tmp_path}/source {there}\nget {there} {back}\n"
        dones = [copy(house, fay, "sftp", "-b", "-", "far:", stdin=lines)]
    elif program == "rsync":
        shell = shlex.join(house.command(fay)[:-1])
        host = f"{house.root}@{NODE}@localhost"
        pairs = ((f"{tmp_path}/source", f"{host}:{there}"), (f"{host}:{there}", back))
        dones = [run(fay, "rsync", "-e", shell, source, target) for source, target in pairs]
    else:
        name, *flags = program.split()
        pairs = ((f"{tmp_path}/source", f"far:{there}"), (f"far:{there}", back))
        dones = [copy(house, fay, name, *flags, source, target) for source, target in pairs]
    assert [done.returncode for done in dones] == [0] * len(dones), dones[-1].stderr
    assert (tmp_path / "back").read_bytes() == data
    if program in ("scp", "sftp"):
        digest = hashlib.sha256(data).hexdigest()
        told = [each["fields"] for each in house.events("--user", "fay", "--type", "sftp.operation")]
        assert {(each["operation"], each["bytes"]) for each in told if each.get("sha256") == digest} == {
            ("read", BULK_BYTES),
            ("write", BULK_BYTES),
        }


def test_git_pushes_and_clones(house: House, fay: Person, far: Path, tmp_path: Path) -> None:
    shell = shlex.join(house.command(fay)[:-1])
    url = f"{house.root}@{NODE}@localhost:{far}/repository.git"
    work = str(tmp_path / "work")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "file").write_bytes(os.urandom(1_000_000))
    assert house.ssh(fay, f"git init -q --bare {far}/repository.git").returncode == 0
    author = {"GIT_SSH_COMMAND": shell, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
    author |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (
        ("git", "-C", work, "init", "-q", "-b", "main"),
        ("git", "-C", work, "add", "file"),
        ("git", "-C", work, "commit", "-q", "-m", "one"),
        ("git", "-C", work, "push", "-q", url, "main"),
        ("git", "clone", "-q", "-b", "main", url, str(tmp_path / "clone")),
    ):
        done = run(fay, *words, **author)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "clone" / "file").read_bytes() == (tmp_path / "work" / "file").read_bytes()


def test_names_that_would_write_to_a_terminal_are_shown_as_escapes(
    house: House, fay: Person, far: Path, tmp_path: Path
) -> None:
    (far / "red\x1b[31m\u202e").write_bytes(b"x")
    done = copy(house, fay, "sftp", "-b", "-", "far:", stdin=f"get {far}/red* {tmp_path}/back\n")
    assert done.returncode == 0, done.stderr
    session = house.sessions(fay)[0]["id"]
    listed = house.admin.dw("audit", "search", "--user", "fay", "--type", "sftp.operation")
    for shown in (house.recording(session), listed):
        assert "red\\x1b[31m\\u202e" in shown
        assert "\u202e" not in shown
        assert "\x1b[31m" not in shown


@pytest.mark.parametrize("words", [("scp",), ("scp", "-O"), ("sftp", "-b", "-")])
def test_who_may_not_copy_is_told_so_by_each_program(
    house: House, nora: Person, far: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    ends = ("far:",) if words[0] == "sftp" else (f"{tmp_path}/file", f"far:{far}/file")
    done = copy(house, nora, *words, *ends, stdin=f"put {tmp_path}/file {far}/file\n")
    assert done.returncode != 0
    assert "doorward: your access does not include copying files" in done.stderr
    assert not list(far.iterdir())


def test_a_port_is_forwarded_both_ways_when_the_role_says_so(house: House, fay: Person) -> None:
    ours = free_port()
    words = house.command(fay, options=["-N", "-L", f"{ours}:{LOOPBACK}:{house.node.sshd.port}"])
    forwarding = subprocess.Popen(words, env=fay.env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: greeting(ours) == b"SSH-2.0-", forwarding, lambda: "no forward")
    finally:
        forwarding.terminate()
        forwarding.communicate()
    back = house.ssh(fay, "sleep 0", options=["-R", f"0:{LOOPBACK}:{house.node.sshd.port}"])
    assert back.returncode == 0
    assert b"Allocated port" in back.stderr
    told = [each["fields"] for each in house.events("--user", "fay", "--type", "forward.opened")]
    assert f"{LOOPBACK}:{house.node.sshd.port}" in {each["destination"] for each in told}
    assert "remote_forward" in {each["kind"] for each in told}


def test_a_lock_closes_open_forwards(house: House, forwarders: str) -> None:
    gus = house.user("gus", forwarders)
    ours = free_port()
    words = house.command(gus, options=["-N", "-L", f"{ours}:{LOOPBACK}:{house.node.sshd.port}"])
    forwarding = subprocess.Popen(words, env=gus.env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: greeting(ours) == b"SSH-2.0-", forwarding, lambda: "no forward")
        session = house.sessions(gus, live=True)[0]["id"]
        house.admin.dw("lock", "add", "--user", "gus", "--message", "leave")
        assert forwarding.wait(5) == 255
        assert house.ended(session)["end_reason"] == "locked"
        assert greeting(ours) == b""
    finally:
        forwarding.terminate()
        forwarding.communicate()


def greeting(port: int) -> bytes:
    """The first bytes that come from a port; none when nobody is there."""

    async def look() -> bytes:
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return b""
        try:
            async with asyncio.timeout(5):
                return await reader.read(8)
        except (OSError, TimeoutError):
            return b""
        finally:
            writer.close()

    return asyncio.run(look())
