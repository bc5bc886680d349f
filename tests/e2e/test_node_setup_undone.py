"""The set-up script is all or nothing: whatever stops it, every byte and mode is as before, and sshd reads that."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.accounts import account
from tests.support.house import APP, ROOT, House
from tests.support.node_lab import declared, everything, programs, run_script, script_environment
from tests.support.openssh import SSH, SSHD, Sshd, SshdSettings
from tests.support.people import Person

LOGIN = account(ROOT).login
OTHER = account(APP).login
# What stands at the place of ssh or sshd; the script is the parent of either.
STOPS = {name: {"ssh": f"kill -{name} $PPID; sleep 1; exit 1"} for name in ("HUP", "INT", "TERM")}
SECOND = f'n=$(cat "$0.n" 2>/dev/null); echo "x$n" > "$0.n"; [ -z "$n" ] || exit 255; exec {SSH} "$@"'
FAULTS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    **{f"signal {name}": (texts, {}, "back in force") for name, texts in STOPS.items()},
    "log-in": ({"ssh": "exit 255"}, {}, "does not work"),
    "log-in without the other ways": ({"ssh": SECOND}, {}, "other ways in turned off"),
    "reload": ({}, {"DOORWARD_RELOAD": "exit 1"}, "could not be made to read"),
    "syntax": ({"sshd": f'[ "$1" != -t ] || exit 1; exec {SSHD} "$@"'}, {}, "does not accept"),
    "exclusive": (
        {"sshd": f'{SSHD} "$@" | sed "s/^passwordauthentication no/passwordauthentication yes/"'},
        {},
        "another way in stays open: passwordauthentication",
    ),
    "no sshd": ({"systemctl": "exit 3"}, {"DOORWARD_RELOAD": ""}, "no running sshd found"),
}


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    with Sshd(SshdSettings()) as server:
        yield server


def script(house: House, name: str, *logins: str) -> str:
    return house.admin.dw("nodes", "setup", name, *[word for login in logins for word in ("--login", login)])


def changes(folder: Path, fault: str) -> dict[str, str]:
    texts, variables, _ = FAULTS[fault]
    found = {"PATH": programs(folder, **texts), **variables}
    return {**found, "DOORWARD_SSHD": str(folder / "sshd")} if "sshd" in texts else found


@pytest.fixture(scope="module")
def finn(house: House) -> Person:
    return house.user("finn-undone")


@pytest.mark.parametrize("fault", ["signal TERM", "exclusive", "no sshd"])
def test_a_run_that_fails_on_a_fresh_host_leaves_it_as_it_was(
    house: House, sshd: Sshd, tmp_path: Path, fault: str
) -> None:
    name = declared(house.admin, sshd, f"fresh-{list(FAULTS).index(fault)}")
    before = everything(sshd)
    done = run_script(script(house, name, LOGIN), sshd, "--exclusive", changes=changes(tmp_path, fault))
    assert done.returncode != 0
    assert FAULTS[fault][2] in done.stderr
    assert everything(sshd) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_fails_on_a_node_leaves_its_accounts_open(
    house: House, sshd: Sshd, tmp_path: Path, finn: Person, fault: str
) -> None:
    name = declared(house.admin, sshd, f"again-{list(FAULTS).index(fault)}")
    assert run_script(script(house, name, LOGIN), sshd).returncode == 0
    before = everything(sshd)
    done = run_script(script(house, name, OTHER), sshd, "--exclusive", changes=changes(tmp_path, fault))
    assert done.returncode != 0
    assert everything(sshd) == before
    assert house.ssh(finn, "exit 3", node=name).returncode == 3


def test_accounts_that_sshd_turns_away_undo_it(house: House, sshd: Sshd) -> None:
    file = sshd.directory / "sshd_config"
    file.write_text(file.read_text() + "AllowUsers dwt-somebody-else\n")
    before = everything(sshd)
    done = run_script(script(house, declared(house.admin, sshd, "allow-01"), LOGIN), sshd)
    assert done.returncode == 1
    assert "does not work" in done.stderr
    assert "the old configuration is back in force" in done.stderr
    assert everything(sshd) == before


@pytest.mark.parametrize("words", [(), ("--remove",)], ids=["set up", "removed"])
def test_what_a_killed_run_left_is_taken_back_by_the_next(
    house: House, sshd: Sshd, tmp_path: Path, words: tuple[str, ...]
) -> None:
    name = declared(house.admin, sshd, f"killed-{len(words)}")
    before = everything(sshd)
    path = programs(tmp_path, ssh="kill -KILL $PPID; exit 1")
    assert run_script(script(house, name, LOGIN), sshd, changes={"PATH": path}).returncode == -9
    assert everything(sshd) != before
    done = run_script(script(house, name, LOGIN), sshd, *words)
    assert done.returncode == 0, done.stderr
    assert "an earlier run was cut off" in done.stdout
    if words:
        assert everything(sshd) == before
    else:
        assert not (sshd.directory / "doorward.work").exists()
        assert run_script(script(house, name, LOGIN), sshd, "--remove").returncode == 0
        assert everything(sshd) == before


def test_two_runs_at_once_do_not_meet(house: House, sshd: Sshd, tmp_path: Path) -> None:
    name = declared(house.admin, sshd, "both-01")
    second = tmp_path / "second.sh"
    second.write_text(script(house, name, LOGIN))
    path = programs(tmp_path / "bin", ssh=f'PATH=/usr/bin:/bin sh {second} > {tmp_path}/said 2>&1\nexec {SSH} "$@"')
    assert run_script(script(house, name, LOGIN), sshd, changes={"PATH": path}).returncode == 0
    assert "another set-up is at work" in (tmp_path / "said").read_text()


def test_a_reader_who_went_away_undoes_it(house: House, sshd: Sshd) -> None:
    text = script(house, declared(house.admin, sshd, "gone-01"), LOGIN)
    before = everything(sshd)
    words = ["/bin/sh", "-s"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=script_environment(sshd)) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdout.close()
        run.stdin.write(text.encode())
        run.stdin.close()
        assert run.wait(timeout=60) != 0
    assert everything(sshd) == before
