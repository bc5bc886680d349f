"""Access that ends: live sessions are cut within a second, and new ones are refused."""

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

import pytest
from demo.terminal import Terminal
from tests.support.house import APP, NODE, ROOT, House, eventually, role
from tests.support.people import Person

CUT_SECONDS_MAX: Final = 1.0
END_SECONDS_MAX: Final = 15.0


def cut(house: House, person: Person, terminal: Terminal, act: Callable[[], object]) -> float:
    """Seconds from when the acting command returned until the user's ssh had ended; below zero when it ended before."""
    ended_at: list[float] = []

    def watch() -> None:
        terminal.wait(60)
        ended_at.append(time.monotonic())

    watching = threading.Thread(target=watch)
    watching.start()
    act()
    acted_at = time.monotonic()
    watching.join()
    assert ended_at, f"ssh lives on: {terminal.screen!r}"
    return ended_at[0] - acted_at


def refused(house: House, person: Person, node: str = NODE, line: bytes = b"is refused") -> bool:
    done = house.ssh(person, "id", node=node)
    return done.returncode == 255 and line in done.stderr


@pytest.mark.parametrize("what", ["user", "role", "login", "node"])
def test_a_lock_cuts_what_it_names_and_keeps_it_out(house: House, what: str) -> None:
    name = f"locked-{what}"
    house.admin.dw("apply", "-f", "-", stdin=role(name))
    person = house.user(name, name)
    node = house.another_node(name).name if what == "node" else NODE
    target = {"user": name, "role": name, "login": house.root, "node": node}[what]
    # A lock of a login concerns every node and everybody: the user beside it keeps the other tests out of it.
    words = ["--login", house.root, "--user", name] if what == "login" else [f"--{what}", target]
    with house.shell(person, node) as terminal:
        lock = ["lock", "add", *words, "--name", name, "--message", f"incident of the {what}"]
        assert cut(house, person, terminal, lambda: house.admin.dw(*lock)) < CUT_SECONDS_MAX
    assert f"incident of the {what}" in terminal.screen
    # Who is locked whatever they ask for is told so; a lock that names a node or an account tells nothing of it.
    as_a_whole = f"your access is locked: incident of the {what}; ask an administrator".encode()
    assert refused(house, person, node, as_a_whole if what in ("user", "role") else b"is refused")
    session = house.sessions(person)[0]["id"]
    assert house.ended(session)["end_reason"] == "locked"
    house.admin.dw("lock", "rm", name)
    assert house.ssh(person, "exit 3", node=node).returncode == 3


def test_a_lock_leaves_others_alone(house: House) -> None:
    spared, locked = house.user("spared"), house.user("locked-alone")
    with house.shell(spared) as kept, house.shell(locked) as lost:
        cut(house, locked, lost, lambda: house.admin.dw("lock", "add", "--user", "locked-alone", "--name", "alone"))
        kept.enter("echo still-$((1))\n")
        kept.read_until("still-1")


def test_a_disabled_user_is_out(house: House) -> None:
    person = house.user("leaver")
    with house.shell(person) as terminal:
        assert cut(house, person, terminal, lambda: house.admin.dw("users", "disable", "leaver")) < CUT_SECONDS_MAX
    assert house.ssh(person, "id").returncode == 255
    assert person.run("ls").returncode != 0


def test_a_role_that_gives_less_ends_what_it_no_longer_gives(house: House) -> None:
    house.admin.dw("apply", "-f", "-", stdin=role("shrinking"))
    person = house.user("shrunk", "shrinking")
    smaller = role("shrinking", logins=[APP]).replace(ROOT, APP)
    with house.shell(person) as terminal:
        assert cut(house, person, terminal, lambda: apply_over(house, "shrinking", smaller)) < CUT_SECONDS_MAX
    assert refused(house, person)
    assert house.ended(house.sessions(person)[0]["id"])["end_reason"] == "policy_changed"


def test_a_role_that_goes_ends_what_it_gave(house: House) -> None:
    house.admin.dw("apply", "-f", "-", stdin=role("going"))
    person = house.user("without", "going", "access")
    less = house.admin.dw("get", "user/without").replace("  - going\n", "")
    with house.shell(person) as terminal:
        act = lambda: house.admin.dw("apply", "-f", "-", stdin=less)  # noqa: E731
        assert cut(house, person, terminal, act) < CUT_SECONDS_MAX
    assert refused(house, person)


def test_ending_a_session_ends_that_one(house: House) -> None:
    person = house.user("ended")
    with house.shell(person) as other, house.shell(person) as terminal:
        session = house.sessions(person, live=True)[0]["id"]
        act = ["sessions", "end", session, "--message", "please read the runbook"]
        assert cut(house, person, terminal, lambda: house.admin.dw(*act)) < CUT_SECONDS_MAX
        assert "please read the runbook" in terminal.screen
        other.enter("echo still-$((1))\n")
        other.read_until("still-1")
    assert house.ended(session)["end_reason"] == "revoked"
    assert house.ssh(person, "exit 3").returncode == 3


def test_signing_out_ends_what_is_open(house: House) -> None:
    person = house.user("signed-out")
    kept = {file: (person.keep / file).read_bytes() for file in ("id_ed25519", "id_ed25519-cert.pub")}
    with house.shell(person) as terminal:
        assert cut(house, person, terminal, lambda: person.dw("logout")) < CUT_SECONDS_MAX
    # Somebody who copied the key and the certificate before is out as well.
    for file, content in kept.items():
        (person.keep / file).write_bytes(content)
        (person.keep / file).chmod(0o600)
    done = house.ssh(person, "id")
    assert (done.returncode, done.stdout) == (255, b"")


@pytest.mark.parametrize("how", ["lock", "logout", "disable"])
def test_what_ends_access_closes_the_way_of_a_jump_as_well(house: House, how: str) -> None:
    """The outer connection of a ProxyJump is no session; alone, and around a session, it ends like one."""
    person = house.user(f"jumper-{how}")
    config = person.home / "config-jump"
    config.write_text(person.dw("config", "ssh", "--jump"))
    ssh = ["ssh", "-F", str(config), "-o", "BatchMode=yes"]
    outer = [*ssh, "-v", "-N", "-p", str(house.installation.port), "jump@localhost"]
    with (
        Terminal(outer, person.env()) as alone,
        Terminal([*ssh, "-tt", f"{house.root}@{NODE}.dw"], person.env()) as inside,
    ):
        alone.read_until("Authenticated to")
        inside.enter("echo at $((40+2)) work\n")
        inside.read_until("at 42 work")
        act = {
            "lock": lambda: house.admin.dw("lock", "add", "--user", person.name, "--message", "incident of the way"),
            "logout": lambda: person.dw("logout"),
            "disable": lambda: house.admin.dw("users", "disable", person.name),
        }[how]
        assert cut(house, person, alone, act) < CUT_SECONDS_MAX
        inside.wait(END_SECONDS_MAX)
    line = {"lock": "incident of the way", "logout": "you signed out", "disable": "ended your sign-in"}[how]
    assert line in alone.screen
    said_inside = "an administrator ended this session" if how == "disable" else line
    assert said_inside in inside.screen
    again = subprocess.run(outer, env=person.env(), capture_output=True, timeout=END_SECONDS_MAX, check=False)
    assert again.returncode == 255
    if how == "lock":
        assert b"incident of the way" in again.stderr


@pytest.mark.parametrize(
    ("option", "line", "reason"),
    [("max_session_ttl", "the time of this session is over", "expired"), ("client_idle_timeout", "idle", "idle")],
)
def test_a_session_ends_with_its_time(house: House, option: str, line: str, reason: str) -> None:
    name = option.replace("_", "-")
    house.admin.dw("apply", "-f", "-", stdin=role(name, f"{{{option}: 2s}}"))
    person = house.user(name, name)
    with house.shell(person) as terminal:
        terminal.wait(END_SECONDS_MAX)
    assert line in terminal.screen
    assert house.ended(house.sessions(person)[0]["id"])["end_reason"] == reason


def test_what_is_typed_keeps_a_session_awake(house: House) -> None:
    house.admin.dw("apply", "-f", "-", stdin=role("awake", "{client_idle_timeout: 3s}"))
    person = house.user("awake", "awake")
    with house.shell(person) as terminal:
        for number in range(5):
            terminal.enter(f"echo up-$(({number}))\n")
            terminal.read_until(f"up-{number}")
            time.sleep(1)
        terminal.enter("exit 6\n")
        assert terminal.wait() == 6


def apply_over(house: House, name: str, text: str) -> None:
    """Change a role that is there: the revision that was seen goes along."""
    seen = house.admin.dw("get", f"role/{name}")
    revision = next(line for line in seen.splitlines() if "revision:" in line).strip()
    house.admin.dw("apply", "-f", "-", stdin=text.replace(f"{{name: {name}}}", f"{{name: {name}, {revision}}}"))


def test_eventually_every_session_of_the_ended_is_over(house: House) -> None:
    person = house.user("counted")
    assert house.ssh(person, "true").returncode == 0
    eventually(lambda: not house.sessions(person, live=True), "a session of a command that ended is open")
