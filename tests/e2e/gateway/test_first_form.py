"""The stock client through a gateway to a real sshd: `ssh -p PORT account@node@gateway`."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.accounts import account, empty_home
from tests.support.gateway_lab import LOGIN, NODE, Lab, gateway_lab
from tests.support.ports import LOOPBACK

from doorward.domain.access.obligations import Obligations

BULK_BYTES = 10 * 1024 * 1024


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made
        assert made.problems == []


async def test_a_command_runs_and_its_exit_status_is_exact(lab: Lab) -> None:
    for status in (0, 1, 37, 254):
        result = await lab.ssh(f"exit {status}")
        assert (result.exit_code, result.stdout, result.stderr_text) == (status, b"", "")


async def test_an_exit_signal_reaches_the_client(lab: Lab) -> None:
    process = await lab.start(*lab.command("kill -TERM $$", options=("LogLevel=DEBUG1",)))
    _, err = await process.communicate()
    assert process.returncode == 255
    assert b"rtype exit-signal" in err


async def test_output_and_error_output_stay_apart(lab: Lab) -> None:
    result = await lab.ssh("echo out; echo err >&2")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


async def test_stdin_reaches_the_command_to_its_end(lab: Lab) -> None:
    result = await lab.ssh("cat; echo done", stdin=b"first\nlast without newline")
    assert result.stdout == b"first\nlast without newlinedone\n"


async def test_ten_megabytes_pass_both_ways_bit_by_bit(lab: Lab) -> None:
    data = os.urandom(BULK_BYTES)
    result = await lab.ssh("tee /dev/stderr | sha256sum >/dev/null; exit 3", stdin=data)
    assert result.exit_code == 3
    assert hashlib.sha256(result.stderr).digest() == hashlib.sha256(data).digest()
    back = await lab.ssh("cat", stdin=data)
    assert hashlib.sha256(back.stdout).digest() == hashlib.sha256(data).digest()


async def test_a_command_that_is_not_utf8_runs_as_it_was_sent(lab: Lab) -> None:
    command = lab.command()
    process = await asyncio.create_subprocess_exec(
        *command, b"printf '\xff\xfe' | od -An -tx1", stdout=subprocess.PIPE, env=lab.client.environment()
    )
    out, _ = await process.communicate()
    assert out.split() == [b"ff", b"fe"]


async def test_a_terminal_has_its_size_and_follows_a_resize(lab: Lab) -> None:
    script = (
        "import os,pty,sys,time,fcntl,termios,struct,signal\n"
        "pid,fd=pty.fork()\n"
        "if pid==0: os.execvpe(sys.argv[1],sys.argv[1:],os.environ)\n"
        "def size(r,c): fcntl.ioctl(fd,termios.TIOCSWINSZ,struct.pack('HHHH',r,c,0,0))\n"
        "size(33,101)\n"
        "out=b''\n"
        "def until(mark):\n"
        "    global out\n"
        "    while mark not in out: out+=os.read(fd,4096)\n"
        "until(b'size 33 101')\n"
        "size(44,122); os.kill(pid,signal.SIGWINCH)\n"
        "until(b'size 44 122')\n"
        "os.write(fd,b'\\x03')\n"
        "until(b'interrupted')\n"
        "_,status=os.waitpid(pid,0)\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    remote = "trap 'echo interrupted; exit 9' INT; while :; do set -- $(stty size); echo size $1 $2; sleep 0.1; done"
    process = await lab.start("python3", "-c", script, *lab.command("-tt", remote))
    async with asyncio.timeout(20):
        _, err = await process.communicate()
    assert process.returncode == 9, err


async def test_only_listed_variables_pass(lab: Lab) -> None:
    await lab.control_plane.trust()
    options = ("SetEnv=LC_DOORWARD=yes SECRET_TOKEN=no LC_LONG=" + "x" * 300,)
    result = await lab.ssh('echo "[$LC_DOORWARD][$SECRET_TOKEN][$LC_LONG]"', options=options)
    assert result.stdout == b"[yes][][]\n"


async def test_many_channels_on_one_connection_keep_their_exit_statuses(lab: Lab, tmp_path: Path) -> None:
    control = (f"ControlPath={tmp_path}/cm", "ControlMaster=auto", "ControlPersist=20")
    assert (await lab.ssh("true", options=control)).exit_code == 0
    assert len(lab.control_plane.plans) == 1
    for _ in range(6):
        results = await asyncio.gather(
            *(lab.ssh(f"echo {status}; exit {status}", options=control) for status in range(1, 9))
        )
        assert [(r.exit_code, r.stdout) for r in results] == [(s, b"%d\n" % s) for s in range(1, 9)]
    assert len(lab.control_plane.plans) == 1
    await (await lab.start(*lab.command("-O", "exit", options=control))).communicate()
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "closed")
    assert lab.control_plane.ended[lab.only_session()][0].facts["streams"] == 49


async def test_rsync_and_old_scp_pass_as_commands(lab: Lab, tmp_path: Path) -> None:
    empty_home(account(LOGIN))
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    ssh = " ".join(f"'{part}'" for part in lab.client.command(port=lab.port))
    target = f"{lab.login}@{NODE}@{LOOPBACK}"
    for command in (
        ["rsync", "-e", ssh, str(source), f"{target}:by-rsync"],
        lab.client.command("-O", str(source), f"{target}:by-scp", port=lab.port, program="scp"),
    ):
        process = await lab.start(*command)
        _, err = await process.communicate()
        assert process.returncode == 0, err
    sums = await lab.ssh("sha256sum by-rsync by-scp | cut -c1-64")
    assert set(sums.stdout.decode().split()) == {hashlib.sha256(source.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("options", "arguments", "line"),
    [
        (("ForwardX11=yes",), ("true",), "X11 forwarding request failed"),
        (("ForwardAgent=yes", "IdentityAgent={home}/agent"), ("true",), "does not include agent forwarding"),
        (("ExitOnForwardFailure=yes", "RemoteForward=0 127.0.0.1:1"), ("true",), "remote port forwarding failed"),
    ],
)
async def test_what_is_not_offered_is_refused_with_a_line(
    lab: Lab, options: tuple[str, ...], arguments: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    agent = await lab.start("ssh-agent", "-D", "-a", f"{tmp_path}/agent")
    try:
        await lab.eventually((tmp_path / "agent").exists)
        options = tuple(option.format(home=tmp_path) for option in options)
        command = lab.command(*arguments, options=options)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**lab.client.environment(), "DISPLAY": ":0"},
        )
        _, err = await process.communicate()
    finally:
        agent.kill()
        await agent.wait()
    assert line in err.decode()


async def test_a_local_forward_is_refused_and_noted(lab: Lab) -> None:
    result = await lab.ssh("-W", "127.0.0.1:22")
    assert result.exit_code != 0
    assert "does not include port forwarding" in result.stderr_text
    session = lab.only_session()
    await lab.eventually(lambda: lab.control_plane.end_reason(session) is not None)
    assert [note.type for note in lab.control_plane.notes[session]] == ["recording.started", "forward.refused"]


async def test_sftp_passes_where_nothing_is_to_be_recorded(lab: Lab, tmp_path: Path) -> None:
    lab.control_plane.recording_level = "none"
    process = await lab.start(
        *lab.client.command("-b", "-", f"{lab.login}@{NODE}@{LOOPBACK}", port=lab.port, program="sftp")
    )
    out, err = await process.communicate(b"pwd\n")
    assert process.returncode == 0, err
    assert b"Remote working directory" in out


@pytest.mark.parametrize(
    ("obligations", "command", "line"),
    [
        (Obligations(permit_exec=False), "true", "running commands"),
        (Obligations(permit_shell=False), "", "a shell"),
        (Obligations(file_copy=False), "rsync --server .", "copying files"),
    ],
)
async def test_what_the_plan_forbids_is_refused_with_a_line(
    lab: Lab, obligations: Obligations, command: str, line: str
) -> None:
    lab.control_plane.obligations = obligations
    result = await lab.ssh(*([command] if command else []))
    assert result.exit_code == 126
    assert f"your access does not include {line}" in result.stderr_text


async def test_a_session_is_recorded_reported_and_sealed(lab: Lab) -> None:
    assert (await lab.ssh("echo hello; exit 5")).exit_code == 5
    plane, session = lab.control_plane, lab.only_session()
    await lab.eventually(lambda: session in plane.seals)
    ended = plane.ended[session][0]
    assert (ended.reason, ended.level_achieved, ended.bytes_out) == ("closed", "output", 6)
    assert plane.started[session].host_verified_by == "certificate"
    notes = [(note.type, note.fields.get("command"), note.fields.get("exit_status")) for note in plane.notes[session]]
    assert notes == [
        ("recording.started", None, None),
        ("stream.opened", "echo hello; exit 5", None),
        ("stream.closed", None, 5),
    ]
    assert b"hello\n" in plane.recordings[session]
    assert plane.seals[session].size_bytes == len(plane.recordings[session])


async def test_the_proof_is_bound_to_the_name_that_was_shown(lab: Lab) -> None:
    assert (await lab.ssh("true")).exit_code == 0
    proven = lab.control_plane.proofs[0]
    assert proven.face is not None
    assert proven.face.name == LOOPBACK
    assert proven.user_name == f"{lab.login}@{NODE}"


async def test_a_notice_is_shown(lab: Lab) -> None:
    lab.control_plane.notices = ["this session is recorded \x1b[31m"]
    assert "this session is recorded \\x1b[31m" in (await lab.ssh("true")).stderr_text


async def test_a_session_that_needs_a_code_asks_for_it(lab: Lab, tmp_path: Path) -> None:
    lab.control_plane.factor_code = "123456"
    asked = tmp_path / "ask"
    asked.write_text('#!/bin/sh\necho "$1" >> asked\ncat answers | head -1\nsed -i 1d answers\n')
    asked.chmod(0o700)
    (tmp_path / "answers").write_text("000000\n123456\n")
    client = replace(lab.client, options=("BatchMode=no",))
    command = client.command(f"{lab.login}@{NODE}@{LOOPBACK}", "echo in", port=lab.port)
    environment = {**client.environment(), "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"in\n"), err
    assert [call.factor_code for call in lab.control_plane.open_calls] == [None, "000000", "123456"]
