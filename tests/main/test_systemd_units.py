"""The systemd units: their sandbox is whole; they call what the command line knows, as users that the guide makes."""

import configparser
import re
import shlex
from pathlib import Path

import pytest

from doorward.main.entry import cli
from doorward.main.layout import Layout
from doorward.main.role_users import parse_users_option
from doorward.stores.keys.kek import KEK_CREDENTIAL

TREE = Path(__file__).parents[2]
UNITS = TREE / "deploy" / "systemd"
GUIDE = TREE / "docs" / "guides" / "deployment.md"
ROLES = ("signer", "authority", "gateway")
DATA = Layout(Path("/var/lib/doorward"))
WRITES = {
    "signer": {DATA.keys, DATA.run},
    "authority": {DATA.authority},
    "gateway": {DATA.gateway},
}
HIDDEN = {
    "signer": {DATA.authority, DATA.gateway},
    "authority": {DATA.keys, DATA.gateway, DATA.key_encryption_key},
    "gateway": {DATA.keys, DATA.authority, DATA.run, DATA.key_encryption_key},
}
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
    "LimitCORE": "0",
    "Restart": "on-failure",
}


def read(role: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((UNITS / f"doorward-{role}.service").read_text(encoding="utf-8"))
    return unit


def paths(text: str) -> set[Path]:
    return {Path(word.removeprefix("-")) for word in text.split()}


def test_there_is_a_unit_for_each_role_and_no_other() -> None:
    assert {one.name for one in UNITS.iterdir()} == {f"doorward-{role}.service" for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_sandbox_is_whole(role: str) -> None:
    service = read(role)["Service"]
    assert {name: service.get(name) for name in HARDENING} == HARDENING


@pytest.mark.parametrize("role", ROLES)
def test_unit_calls_what_the_command_line_knows(role: str) -> None:
    service = read(role)["Service"]
    program, command, *words = shlex.split(service["ExecStart"])
    assert Path(program).is_absolute()
    assert Path(program).name == "doorward"
    parsed = cli.commands[command].make_context(command, words).params
    data = DATA.gateway if role == "gateway" else DATA.root
    assert parsed == {"data": data, "config": None, "role": role}


@pytest.mark.parametrize("role", ROLES)
def test_user_is_the_one_that_the_guide_makes(role: str) -> None:
    named = re.findall(r"--users (\S+)", GUIDE.read_text(encoding="utf-8"))
    assert named
    assert {getattr(parse_users_option(one), role) for one in named} == {read(role)["Service"]["User"]}


@pytest.mark.parametrize("role", ROLES)
def test_role_writes_its_own_part_and_does_not_see_the_others(role: str) -> None:
    service = read(role)["Service"]
    assert paths(service["ReadWritePaths"]) == WRITES[role]
    assert paths(service["InaccessiblePaths"]) >= HIDDEN[role]


def test_signer_has_no_network_and_is_given_its_key() -> None:
    service = read("signer")["Service"]
    assert (service["PrivateNetwork"], service["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
    name, _, source = service["LoadCredential"].partition(":")
    assert name == KEK_CREDENTIAL
    for role in ("authority", "gateway"):
        other = read(role)["Service"]
        assert "LoadCredential" not in other
        assert Path(source).parent in paths(other["InaccessiblePaths"])
        assert other["RestrictAddressFamilies"].split() == ["AF_UNIX", "AF_INET", "AF_INET6"]
