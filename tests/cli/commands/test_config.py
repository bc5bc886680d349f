"""`dw config ssh`: the block, as stock ssh reads it."""

import subprocess
from pathlib import Path

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
    stub.gateway_names = ["127.0.0.1", "gw.example:22"]
    dw.login(stub)
    (tmp_path / "config").write_text(dw("config", "ssh").out)
    assert settings(tmp_path / "config", "gw.example")["port"] == "22"
    assert settings(tmp_path / "config", "127.0.0.1")["port"] == str(stub.port)


def test_under_each_name_the_first_is_what_must_be_proven(dw: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.gateway_names = ["localhost", "127.0.0.1"]
    dw.login(stub)
    (tmp_path / "config").write_text(dw("config", "ssh").out)
    said = settings(tmp_path / "config", "root@web@localhost")
    assert (said["hostname"], said["port"], said["user"]) == ("localhost", str(stub.port), "root@web")
    for name in ("localhost", "127.0.0.1"):
        assert settings(tmp_path / "config", name)["hostkeyalias"] == "localhost"


def test_no_command_in_the_block_holds_the_user_name(alice: CommandLine) -> None:
    assert "%r" not in alice("config", "ssh").out


def test_nobody_signed_in_gets_no_block(dw: CommandLine) -> None:
    assert dw("config", "ssh").exit_code == 4
