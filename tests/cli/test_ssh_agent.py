"""The user's ssh-agent, a real one: it holds the key while the sign-in lasts, and never stands in the way."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.processes import end
from tests.support.stub_authority import StubAuthority


@pytest.fixture
def agent(dw: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running agent whose socket the environment names."""
    socket = str(tmp_path_factory.mktemp("agent") / "s")
    process = subprocess.Popen(["/usr/bin/ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    yield socket
    end(process)
    process.stdout.close()


def held(socket: str) -> list[str]:
    """What the agent holds, a line for each key and each certificate."""
    environment = {**os.environ, "SSH_AUTH_SOCK": socket}
    done = subprocess.run(["/usr/bin/ssh-add", "-L"], env=environment, capture_output=True, check=False)
    return done.stdout.decode().splitlines() if done.returncode == 0 else []


def test_sign_in_hands_key_and_certificate_over_and_sign_out_takes_them_back(
    dw: CommandLine, stub: StubAuthority, agent: str
) -> None:
    done = dw.login(stub)
    assert "key in ssh-agent" in done.out
    assert {line.split()[0] for line in held(agent)} == {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"}
    stub.answers[f"DELETE /v1/sign-ins/{stub.sign_in_id}"] = (200, stub.status())
    assert dw("logout").exit_code == 0
    assert held(agent) == []


def test_the_agent_forgets_with_the_sign_in(dw: CommandLine, stub: StubAuthority, agent: str, tmp_path: Path) -> None:
    recorded = tmp_path / "arguments"
    fake = tmp_path / "bin" / "ssh-add"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {recorded}\n')
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(fake.parent))
        dw.login(stub)
    words = recorded.read_text().split()
    assert words[:2] == ["-q", "-t"]
    assert 0 < int(words[2]) <= stub.lifetime.total_seconds()


def test_the_key_of_the_sign_in_before_leaves_the_agent(dw: CommandLine, stub: StubAuthority, agent: str) -> None:
    dw.login(stub)
    first = set(held(agent))
    dw.login(stub)
    assert len(held(agent)) == 2
    assert first.isdisjoint(held(agent))


def test_no_agent_leaves_it_alone(dw: CommandLine, stub: StubAuthority, agent: str) -> None:
    assert dw.login(stub, "--no-agent").exit_code == 0
    assert held(agent) == []


def test_a_dead_agent_does_not_keep_anybody_from_signing_in(
    dw: CommandLine, stub: StubAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nothing"))
    done = dw.login(stub)
    assert (done.exit_code, done.err) == (0, "")
    assert "ssh-agent" not in done.out
