"""What is refused, and that refusals tell nothing to those who may not know."""

import statistics
import subprocess
import time
from pathlib import Path

import pytest
from demo.terminal import Terminal
from tests.support.house import APP, NODE, UNVERIFIED, House, role
from tests.support.people import Person

ASKS = 20
APART_SECONDS_MAX = 0.015
TRIES = 3


@pytest.fixture(scope="module")
def dora(house: House) -> Person:
    """She may become APP on what is labelled env=prod, and nothing else."""
    house.admin.dw("apply", "-f", "-", stdin=role("apps", logins=[APP]))
    return house.user("dora", "apps")


def refusal(house: House, person: Person, login: str, node: str) -> str:
    """What the user sees, with what was asked for taken out."""
    done = house.ssh(person, "id", node=node, login=login)
    assert (done.returncode, done.stdout) == (255, b"")
    return done.stderr.decode().replace(node, "NODE").replace(login, "LOGIN")


def test_unknown_and_forbidden_look_the_same(house: House, dora: Person) -> None:
    house.admin.dw("nodes", "add", "db-01", "--address", "127.0.0.1:9", "--label", "env=db")
    forbidden_login = refusal(house, dora, "daemon", NODE)
    assert "is refused, or there is no such node" in forbidden_login
    assert refusal(house, dora, "no-such-login", NODE) == forbidden_login
    assert refusal(house, dora, "daemon", "no-such-node") == forbidden_login
    assert refusal(house, dora, house.node.logins[1], "db-01") == forbidden_login


def asks(house: House, person: Person, form: str) -> dict[str, list[str]]:
    """Command lines for what is unknown, and for what is forbidden, in one form of the name."""
    house.admin.dw("nodes", "add", "db-03", "--address", "127.0.0.1:9", "--label", "env=db")
    wanted = {
        "unknown node": (house.node.logins[1], "no-such-node"),
        "unknown login": ("no-such-login", NODE),
        "forbidden node": (house.node.logins[1], "db-03"),
    }
    if form == "name":
        return {what: house.command(person, "id", node=node, login=login) for what, (login, node) in wanted.items()}
    config = person.home / "config-jump"
    config.write_text(person.dw("config", "ssh", "--jump"))
    ssh = ["ssh", "-F", str(config), "-o", "BatchMode=yes"]
    return {what: [*ssh, f"{login}@{node}.dw", "id"] for what, (login, node) in wanted.items()}


def medians(commands: dict[str, list[str]], person: Person) -> dict[str, float]:
    """How long each is refused for, asked in turn, so that whatever else the machine does is shared."""
    taken: dict[str, list[float]] = {what: [] for what in commands}
    for _ in range(ASKS):
        for what, words in commands.items():
            begun = time.monotonic()
            done = subprocess.run(words, env=person.env(), capture_output=True, timeout=30, check=False)
            taken[what].append(time.monotonic() - begun)
            assert done.returncode == 255
            assert b"is refused, or there is no such node" in done.stderr
    return {what: statistics.median(times) for what, times in taken.items()}


@pytest.mark.parametrize("form", ["name", "jump"])
def test_unknown_and_forbidden_take_the_same_time(house: House, dora: Person, form: str) -> None:
    """A difference that is there is there each time; what a busy machine adds is not."""
    commands = asks(house, dora, form)
    found: list[dict[str, float]] = []
    for _ in range(TRIES):
        found.append(medians(commands, dora))
        if max(found[-1].values()) - min(found[-1].values()) <= APART_SECONDS_MAX:
            return
    raise AssertionError(f"{form}: refusals can be told apart by their time: {found}")


def test_each_refusal_is_in_the_log(house: House, dora: Person) -> None:
    refusal(house, dora, "daemon", NODE)
    found = house.events("--user", "dora", "--type", "session.refused")
    assert found[0]["fields"]["login_asked"] == "daemon"


def test_explain_tells_only_of_what_one_may_know(house: House, dora: Person) -> None:
    unknown = dora.run("explain", "ssh", "daemon@no-such-node")
    house.admin.dw("nodes", "add", "db-02", "--address", "127.0.0.1:9", "--label", "env=db")
    hidden = dora.run("explain", "ssh", "daemon@db-02")
    assert hidden.stdout.replace("db-02", "NODE") == unknown.stdout.replace("no-such-node", "NODE")
    assert hidden.stderr.replace("db-02", "NODE") == unknown.stderr.replace("no-such-node", "NODE")
    assert hidden.returncode == unknown.returncode != 0
    known = house.admin.run("explain", "ssh", "daemon@db-02", "--user", "dora")
    assert "node_labels does not match" in known.stdout


def test_a_node_without_a_known_key_opens_for_nobody(house: House, dora: Person) -> None:
    house.admin.dw("nodes", "add", UNVERIFIED, "--address", f"127.0.0.1:{house.node.sshd.port}", "--label", "env=prod")
    done = house.ssh(dora, "id", node=UNVERIFIED, login=house.node.logins[1])
    assert (done.returncode, done.stdout) == (255, b"")
    assert f"{UNVERIFIED} is not verified yet".encode() in done.stderr


def test_a_key_without_its_certificate_opens_nothing(house: House, dora: Person, tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    key.write_bytes((dora.keep / "id_ed25519").read_bytes())
    key.chmod(0o600)
    words = house.command(dora, "id", login=house.node.logins[1])
    bare = [word.replace(str(dora.keep / "id_ed25519"), str(key)) for word in words if "-cert.pub" not in word]
    bare = [word for position, word in enumerate(bare) if word != "-o" or bare[position + 1] != "-o"]
    done = subprocess.run(bare, env=dora.env(), stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"Permission denied" in done.stderr


def test_a_name_without_a_node_is_told_what_is_offered(house: House, dora: Person) -> None:
    words = house.command(dora, "id")
    words[words.index(f"{house.root}@{NODE}@localhost")] = "dora@localhost"
    done = subprocess.run(words, env=dora.env(), stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert done.returncode == 255
    assert b"from here only nodes can be reached: ssh -J GATEWAY account@node.dw" in done.stderr


def test_a_refused_person_is_not_asked_for_a_password(house: House, dora: Person) -> None:
    words = [word.replace("BatchMode=yes", "BatchMode=no") for word in house.command(dora, "id", login="daemon")]
    with Terminal(words, dora.env()) as terminal:
        assert terminal.wait() == 255
    assert "is refused" in terminal.screen
    assert "password" not in terminal.screen
