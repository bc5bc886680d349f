"""`dw ssh`: which command line of ssh comes of which of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.command_line import CommandLine

from doorward.cli import keep
from doorward.cli.ssh_start import (
    SAID_BY_US,
    WITH_VALUE,
    CanNotStart,
    Door,
    account_on_node,
    control_path,
    door_text,
    quoted,
    read_door,
    split_arguments,
    ssh_command,
    ssh_options,
)

NOW = 1_000_000.0
DOOR = Door(int(NOW) + 60, "gateway.example", 3443, name="gw.example", suffix="dw", installation="a" * 26)


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A sign-in that has a minute to go."""
    (tmp_path / "door").write_text(door_text(DOOR))
    return str(tmp_path)


def test_account_and_node_become_the_user_name_on_the_gateway(home: str) -> None:
    command = ssh_command(["root@prod-web-01"], home, NOW)
    assert command[0] == "ssh"
    assert command[-3:] == ["-l", "root@prod-web-01", "gateway.example"]
    assert "StrictHostKeyChecking=yes" in command


def test_options_and_command_pass_through_in_order(home: str) -> None:
    command = ssh_command(["-v", "-L", "80:a:80", "-tt", "root@web", "ls", "-l", "a b"], home, NOW)
    at = command.index("-v")
    assert command[at:] == ["-v", "-L", "80:a:80", "-tt", "-l", "root@web", "gateway.example", "ls", "-l", "a b"]


def test_ours_stand_before_the_user_s_since_the_first_value_holds(home: str) -> None:
    command = ssh_command(["-o", "StrictHostKeyChecking=no", "root@web"], home, NOW)
    assert command.index("StrictHostKeyChecking=yes") < command.index("StrictHostKeyChecking=no")


def test_stock_ssh_does_not_let_the_user_s_options_weaken_ours(home: str) -> None:
    command = ssh_command(["-G", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/x", "a@web"], home, NOW)
    said = subprocess.run(["/usr/bin/ssh", *command[1:]], capture_output=True, check=True).stdout.decode().splitlines()
    assert {
        "stricthostkeychecking true",
        "user a@web",
        "hostname gateway.example",
        "port 3443",
        "hostkeyalias gw.example",
    } <= set(said)
    assert f"userknownhostsfile {home}/known_hosts" in said


@pytest.mark.parametrize("arguments", [["-l", "root", "web"], ["-p22", "a@web"], ["-vJ", "x", "a@web"], ["-v"], []])
def test_what_contradicts_us_or_leads_nowhere_is_a_usage_error(home: str, arguments: list[str]) -> None:
    with pytest.raises(CanNotStart) as refused:
        ssh_command(arguments, home, NOW)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "target", ["web", "@web", "root@", "-x@web", "ro ot@web", "root@we\nb", "root;id@web", "a$b@web", "a@w%h"]
)
def test_what_is_no_account_on_a_node_is_refused(home: str, target: str) -> None:
    with pytest.raises(CanNotStart):
        ssh_command(["--", target], home, NOW)


def test_the_last_at_sign_splits_and_the_suffix_may_stand_or_not() -> None:
    assert account_on_node("ann@corp@Web.dw", "dw") == ("ann@corp", "web")
    assert account_on_node("root@web", "dw") == ("root", "web")


def test_expired_and_missing_sign_ins_say_so(home: str, tmp_path: Path) -> None:
    for where, when in ((home, NOW + 60), (str(tmp_path / "none"), NOW)):
        with pytest.raises(CanNotStart) as refused:
            ssh_command(["root@web"], where, when)
        assert refused.value.exit_code == 4


@given(text=st.binary(max_size=200))
def test_a_spoilt_door_file_opens_nothing(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    home = tmp_path_factory.mktemp("door")
    (home / "door").write_bytes(text)
    with pytest.raises(CanNotStart):
        read_door(str(home))


OPTIONS = st.one_of(
    st.sampled_from(["-v", "-tt", "-A", "-vvN"]),
    st.sampled_from(sorted(WITH_VALUE - SAID_BY_US)).map(lambda letter: f"-{letter}value"),
)
SPLIT_OPTIONS = st.sampled_from(sorted(WITH_VALUE - SAID_BY_US)).map(lambda letter: [f"-v{letter}", "root@other"])


@given(
    before=st.lists(st.one_of(OPTIONS.map(lambda word: [word]), SPLIT_OPTIONS), max_size=6),
    after=st.lists(st.text(max_size=5), max_size=4),
)
def test_the_destination_is_found_behind_any_options(before: list[list[str]], after: list[str]) -> None:
    options = [word for words in before for word in words]
    assert split_arguments([*options, "root@web", *after]) == (options, "root@web", after)


def test_paths_are_quoted_so_that_ssh_expands_nothing(tmp_path: Path) -> None:
    odd = tmp_path / "a b%h~"
    odd.mkdir()
    command = [word for name, value in ssh_options(str(odd), 22, "gw") for word in ("-o", f"{name}={value}")]
    said = subprocess.run(["/usr/bin/ssh", "-F", "none", "-G", *command, "x"], capture_output=True, check=True)
    assert f"identityfile {str(odd).replace('%', '%%')}/id_ed25519".encode() in said.stdout


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/a${HOME}", "/a\nb"])
def test_paths_that_ssh_would_take_apart_are_refused(path: str) -> None:
    with pytest.raises(CanNotStart):
        quoted(path)


def test_shared_connections_of_two_nodes_never_meet(home: str, tmp_path: Path) -> None:
    """A user's `ControlPath ~/.ssh/%h` would lead from one node into another: the gateway is the same host."""
    (tmp_path / "config").write_text("Host *\n ControlMaster auto\n ControlPath /tmp/shared-%h\n")
    paths = set()
    for target in ("root@a", "root@b"):
        command = ssh_command(["-F", str(tmp_path / "config"), "-G", target], home, NOW)
        said = subprocess.run(["/usr/bin/ssh", *command[1:]], capture_output=True, check=True).stdout.decode()
        paths |= {line for line in said.splitlines() if line.startswith("controlpath ")}
    assert len(paths) == 2 or paths == set()


def test_a_long_home_gets_no_control_socket() -> None:
    assert control_path("/" + "x" * 80) == "none"
    assert control_path("/h") == '"/h/cm-%C"'


def test_names_of_files_agree_with_those_that_sign_in_writes() -> None:
    options = dict(ssh_options("/h", 22, "gw"))
    assert options["IdentityFile"] == f'"/h/{keep.SSH_KEY}"'
    assert options["CertificateFile"] == f'"/h/{keep.SSH_CERTIFICATE}"'
    assert options["UserKnownHostsFile"] == f'"/h/{keep.KNOWN_HOSTS}"'


def test_starting_loads_nothing_that_takes_time(home: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from doorward.cli.entry import main; import doorward.cli.ssh_start;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == (
        "['doorward', 'doorward.cli', 'doorward.cli.entry', 'doorward.cli.ssh_start']"
    )


def test_dw_ssh_becomes_the_ssh_on_the_path(alice: CommandLine, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    fake.chmod(0o755)
    environment = {"PATH": str(fake.parent), "DOORWARD_HOME": str(alice.home), "HOME": str(tmp_path)}
    code = "import sys; from doorward.cli.entry import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "ssh", "-v", "root@web", "id"], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 7
    assert done.stdout.decode().splitlines()[-5:] == ["-v", "-l", "root@web", "127.0.0.1", "id"]


def test_without_an_ssh_the_line_says_so(alice: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(os, "defpath", "")
    done = alice("ssh", "root@web")
    assert done.exit_code == 1
    assert "is the OpenSSH client installed?" in done.err
