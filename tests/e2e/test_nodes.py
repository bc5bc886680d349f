"""The set-up script on a real sshd: again, undone, alone, and rolled back when something is not as it says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.accounts import account
from tests.support.house import ROOT, House
from tests.support.node_lab import declared, everything, run_script
from tests.support.openssh import Sshd, SshdSettings
from tests.support.people import Person
from tests.support.ports import LOOPBACK
from tests.support.ssh_keys import KeyFiles, make_key

LOGIN = account(ROOT).login


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    """The old way in: a key of the administrator's."""
    return make_key(tmp_path_factory.mktemp("old-way") / "key")


@pytest.fixture(scope="module")
def finn(house: House) -> Person:
    return house.user("finn")


@pytest.fixture
def sshd(key: KeyFiles) -> Iterator[Sshd]:
    with Sshd(SshdSettings(authorized_key_lines=(key.public_line,))) as server:
        yield server


def script(house: House, name: str, *words: str) -> str:
    return house.admin.dw("nodes", "setup", name, "--login", LOGIN, *words)


def configuration(sshd: Sshd) -> bytes:
    return (sshd.directory / "sshd_config").read_bytes()


def old_way_opens(sshd: Sshd, key: KeyFiles) -> bool:
    words = ["ssh", "-F", "none", "-p", str(sshd.port), "-i", str(key.private), "-o", "IdentitiesOnly=yes"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
    words += ["-o", "IdentityAgent=none", "-o", "LogLevel=ERROR", f"{LOGIN}@{LOOPBACK}", "true"]
    return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0


def test_a_second_run_changes_nothing_and_remove_undoes_all(
    house: House, sshd: Sshd, key: KeyFiles, finn: Person
) -> None:
    before = configuration(sshd)
    name = declared(house.admin, sshd, "twice-01")
    assert run_script(script(house, name), sshd).returncode == 0
    once = configuration(sshd)
    assert house.ssh(finn, "exit 3", node=name).returncode == 3
    again = script(house, name)
    assert run_script(again, sshd).returncode == 0
    assert configuration(sshd) == once
    assert house.ssh(finn, "exit 3", node=name).returncode == 3
    assert old_way_opens(sshd, key)

    assert run_script(again, sshd, "--remove").returncode == 0
    assert configuration(sshd) == before
    assert not (sshd.directory / "doorward").exists()
    assert old_way_opens(sshd, key)
    assert house.ssh(finn, "exit 3", node=name).returncode == 255


def test_the_same_script_again_finds_everything_in_place(house: House, sshd: Sshd) -> None:
    text = script(house, declared(house.admin, sshd, "same-01"))
    assert run_script(text, sshd).returncode == 0
    once = everything(sshd)
    done = run_script(text, sshd)
    assert (done.returncode, done.stderr) == (0, "")
    assert "this host is same-01 already" in done.stdout
    assert everything(sshd) == once


@pytest.mark.parametrize("what", ["certificate", "principals", "configuration", "options"])
def test_a_spent_token_is_refused_with_advice_when_something_is_to_be_changed(
    house: House, sshd: Sshd, what: str
) -> None:
    name = declared(house.admin, sshd, f"spent-{what[:4]}")
    text = script(house, name)
    assert run_script(text, sshd).returncode == 0
    folder = sshd.directory / "doorward"
    if what == "certificate":
        (folder / "host_key-cert.pub").unlink()
    elif what == "principals":
        (folder / "principals" / LOGIN).write_text(f"dw:{'a' * 26}:{LOGIN}\n")
    elif what == "configuration":
        file = sshd.directory / "sshd_config"
        file.write_text(file.read_text().replace("PubkeyAuthentication yes\n", ""))
    before = everything(sshd)
    done = run_script(text, sshd, *(["--exclusive"] if what == "options" else []))
    assert done.returncode == 1
    assert f"get a fresh script: dw nodes setup {name}" in done.stderr
    assert everything(sshd) == before


def test_exclusive_turns_other_ways_off(house: House, sshd: Sshd, key: KeyFiles, finn: Person) -> None:
    name = declared(house.admin, sshd, "alone-01")
    assert old_way_opens(sshd, key)
    done = run_script(script(house, name, "--exclusive"), sshd)
    assert done.returncode == 0, done.stderr
    assert not old_way_opens(sshd, key)
    assert house.ssh(finn, "exit 3", node=name).returncode == 3


@pytest.mark.parametrize("setting", ["TrustedUserCAKeys", "AuthorizedPrincipalsFile"], ids=["authority", "principals"])
def test_a_match_block_that_says_otherwise_rolls_back(house: House, sshd: Sshd, setting: str, key: KeyFiles) -> None:
    other = sshd.directory / "other"
    other.write_text(key.public_line + "\n")
    file = sshd.directory / "sshd_config"
    file.write_text(file.read_text() + f"Match User {LOGIN}\n    {setting} {other}\n")
    before = configuration(sshd)
    done = run_script(script(house, declared(house.admin, sshd, f"match-{setting[:4].lower()}")), sshd)
    assert done.returncode == 1
    assert "Match block" in done.stderr
    assert configuration(sshd) == before
    assert old_way_opens(sshd, key)


@pytest.mark.parametrize("place", ["configuration", "included file"])
def test_exclusive_refuses_a_match_block_that_keeps_another_way_open(
    house: House, sshd: Sshd, key: KeyFiles, place: str
) -> None:
    keys = sshd.directory / "other"
    keys.write_text(key.public_line + "\n")
    match = f"Match Address 192.0.2.0/24\n    AuthorizedKeysFile {keys}\n"
    file = sshd.directory / "sshd_config"
    if place == "configuration":
        file.write_text(file.read_text() + match)
    else:
        (sshd.directory / "more.conf").write_text(match)
        file.write_text(f"Include {sshd.directory}/*.conf\n" + file.read_text())
    before = configuration(sshd)
    name = declared(house.admin, sshd, f"open-{place[:4]}")
    done = run_script(script(house, name, "--exclusive"), sshd)
    assert done.returncode == 1
    assert "a Match block sets authorizedkeysfile" in done.stderr
    assert configuration(sshd) == before


def test_another_authority_is_not_replaced_without_being_asked(house: House, sshd: Sshd, key: KeyFiles) -> None:
    other = sshd.directory / "other"
    other.write_text(key.public_line + "\n")
    file = sshd.directory / "sshd_config"
    file.write_text(file.read_text() + f"TrustedUserCAKeys {other}\n")
    before = configuration(sshd)
    done = run_script(script(house, declared(house.admin, sshd, "other-ca-01")), sshd)
    assert done.returncode == 1
    assert "another authority" in done.stderr
    assert configuration(sshd) == before


def test_a_missing_account_stops_before_anything_is_changed(house: House, sshd: Sshd) -> None:
    before = configuration(sshd)
    name = declared(house.admin, sshd, "no-account-01")
    done = run_script(house.admin.dw("nodes", "setup", name, "--login", "dwt-nobody-here"), sshd)
    assert done.returncode == 1
    assert "no account dwt-nobody-here" in done.stderr
    assert configuration(sshd) == before


def test_a_host_key_that_sshd_does_not_use_stops_it(house: House, sshd: Sshd, tmp_path: Path) -> None:
    unused = make_key(tmp_path / "unused")
    before = configuration(sshd)
    text = script(house, declared(house.admin, sshd, "other-key-01"))
    wrong = text.replace("HOST_KEY=${DOORWARD_HOST_KEY:-", f"HOST_KEY={unused.private}; : ${{UNUSED:-")
    done = run_script(wrong, sshd)
    assert done.returncode == 1
    assert "does not use" in done.stderr
    assert configuration(sshd) == before


def test_an_authority_that_does_not_answer_changes_nothing(house: House, sshd: Sshd) -> None:
    before = configuration(sshd)
    name = declared(house.admin, sshd, "no-answer-01")
    done = run_script(script(house, name, "--url", "https://localhost:9"), sshd)
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert configuration(sshd) == before
