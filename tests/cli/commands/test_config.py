"""`dw config ssh`: the block, as stock ssh reads it."""

import subprocess
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority


def settings(config: Path, host: str) -> dict[str, str]:
    command = ["/usr/bin/ssh", "-G", "-F", str(config), host]
    done = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return dict(line.split(" ", 1) for line in done.splitlines() if " " in line)


def test_stock_ssh_reads_the_block(alice: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    done = alice("config", "ssh")
    assert done.exit_code == 0
    (tmp_path / "config").write_text(done.out)
    said = settings(tmp_path / "config", "root@prod-web-01@127.0.0.1")
    assert said["user"] == "root@prod-web-01"
    assert said["hostname"] == "127.0.0.1"
    assert said["port"] == str(stub.port)
    assert said["identityfile"] == str(alice.home / "id_ed25519")
    assert said["certificatefile"] == str(alice.home / "id_ed25519-cert.pub")
    assert said["userknownhostsfile"] == str(alice.home / "known_hosts")
    assert said["identitiesonly"] == "yes"
    assert said["stricthostkeychecking"] == "true"


def test_other_hosts_are_left_alone(alice: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(alice("config", "ssh").out)
    said = settings(tmp_path / "config", "github.com")
    assert str(alice.home) not in "".join(said.values())


def test_each_gateway_has_its_port(dw: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.gateways = [["127.0.0.1"], ["gw.example:22"]]
    dw.login(stub)
    (tmp_path / "config").write_text(dw("config", "ssh").out)
    assert settings(tmp_path / "config", "gw.example")["port"] == "22"
    assert settings(tmp_path / "config", "127.0.0.1")["port"] == str(stub.port)


def test_under_each_name_the_first_is_what_must_be_proven(dw: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.gateways = [["localhost", "127.0.0.1"], ["far.example", "near.example"]]
    dw.login(stub)
    (tmp_path / "config").write_text(dw("config", "ssh").out)
    said = settings(tmp_path / "config", "root@web@localhost")
    assert (said["hostname"], said["port"], said["user"]) == ("localhost", str(stub.port), "root@web")
    for name in ("localhost", "127.0.0.1"):
        assert settings(tmp_path / "config", name)["hostkeyalias"] == "localhost"
    for name in ("far.example", "near.example"):
        assert settings(tmp_path / "config", name)["hostkeyalias"] == "far.example"


def test_nodes_are_reached_by_their_own_name_through_dw(
    alice: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_HOME", str(alice.home))
    (tmp_path / "config").write_text(alice("config", "ssh").out)
    said = settings(tmp_path / "config", "root@prod-web-01.dw")
    assert (said["user"], said["hostname"], said["port"]) == ("root", "prod-web-01.dw", "22")
    assert said["proxycommand"] == f"env DOORWARD_HOME={alice.home} dw proxy ssh '%h'"
    assert said["identityfile"] == str(alice.home / "id_ed25519")
    assert said["userknownhostsfile"] == str(alice.home / "known_hosts")
    assert said["stricthostkeychecking"] == "true"
    assert "hostkeyalias" not in said


def test_where_the_sign_in_lies_in_its_usual_place_the_command_says_no_place(
    alice: CommandLine, stub: StubAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOORWARD_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config").mkdir()
    alice.home.rename(tmp_path / ".config" / "doorward")
    assert "    ProxyCommand dw proxy ssh '%h'\n" in alice("config", "ssh").out


def test_nodes_are_reached_by_a_jump_on_request(alice: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(alice("config", "ssh", "--jump").out)
    said = settings(tmp_path / "config", "root@prod-web-01.dw")
    assert said["proxyjump"] == f"jump@[127.0.0.1]:{stub.port}"  # as ssh itself writes it
    assert "proxycommand" not in said
    assert settings(tmp_path / "config", "127.0.0.1")["hostkeyalias"] == "127.0.0.1"


@pytest.mark.parametrize("way", [[], ["--jump"]])
def test_a_host_that_could_leave_its_quotes_gets_no_command(alice: CommandLine, tmp_path: Path, way: list[str]) -> None:
    """Before OpenSSH 9.6 a host out of a repository's address reaches the shell as it is."""
    block = alice("config", "ssh", *way).out
    assert '"!*\'*"' in block
    (tmp_path / "config").write_text(block)
    command = ["/usr/bin/ssh", "-G", "-F", str(tmp_path / "config"), "x'.dw"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert b"proxy" not in done.stdout


def test_the_shell_expands_nothing_in_a_host(alice: CommandLine, tmp_path: Path) -> None:
    seen, dw = tmp_path / "seen", tmp_path / "dw"
    dw.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {seen}\n')
    dw.chmod(0o755)
    (line,) = [one for one in alice("config", "ssh").out.splitlines() if "ProxyCommand" in one]
    command = line.strip().removeprefix("ProxyCommand ").replace("%h", "$(id);`id`;x .dw")
    subprocess.run(["/bin/sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert seen.read_text() == "proxy|ssh|$(id);`id`;x .dw|"


def test_no_command_in_the_block_holds_the_user_name(alice: CommandLine) -> None:
    for way in ([], ["--jump"]):
        assert "%r" not in alice("config", "ssh", *way).out


def test_nobody_signed_in_gets_no_block(dw: CommandLine) -> None:
    assert dw("config", "ssh").exit_code == 4
