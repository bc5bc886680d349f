"""Each role as a unix user of its own: what one holds, the kernel keeps from the others.

Without root every account of the tests is ourselves, and the tree is handed over to that one user: then everything is
within reach, and the same tests hold the program to that.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from demo.installation import DOORWARD, Installation, temporary_folder
from demo.people import Person
from tests.support.accounts import Account, account
from tests.support.house import NODE, ROOT, role
from tests.support.node_lab import prepare_node
from tests.support.other_users import PythonAnywhere, group_of, run_as
from tests.support.processes import end

from doorward.main.layout import Layout

ROLES = ("signer", "authority", "gateway")
PEOPLE = (*ROLES, "stranger")
ASK_THE_SIGNER = """
import asyncio, sys
from doorward.api.signer.client import SignerClient

async def ask():
    async with SignerClient(sys.argv[1]) as signer:
        await signer.public_keys()

asyncio.run(ask())
"""


@dataclass
class Users:
    """An installation that was handed over to three users, who run it."""

    installation: Installation
    python: PythonAnywhere
    accounts: dict[str, Account]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    admin: Person = field(init=False)

    @property
    def layout(self) -> Layout:
        return Layout(self.installation.data)

    def start(self, name: str) -> None:
        data = self.layout.gateway if name == "gateway" else self.layout.root
        words = ["-m", "doorward.main.entry", "serve", "--role", name, "--data", str(data)]
        with self.installation.log.open("ab") as log:
            self.running[name] = self.python.start(self.accounts[name], words, log)

    def stop(self) -> None:
        for one in reversed(self.running.values()):
            end(one)

    def holders(self, *names: str) -> set[int]:
        return {self.accounts[name].uid for name in names}

    def operator(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`doorward` as whom we are: root, on a host of this kind."""
        return subprocess.run(
            [*DOORWARD, *words],
            env=self.installation.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def users() -> Iterator[Users]:
    folder = temporary_folder()
    folder.chmod(0o711)
    accounts = {name: account(f"dwt-{name}") for name in PEOPLE}
    named = ",".join(f"{name}={accounts[name].login}" for name in ROLES)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        python = PythonAnywhere()
        stack.callback(python.close)
        made = Users(Installation.create(folder, users=named), python, accounts)
        stack.callback(made.stop)
        for name in ROLES:
            made.start(name)
        made.admin = made.installation.administrator()
        made.admin.dw("apply", "-f", "-", stdin=role("ops"))
        node = prepare_node(made.admin, NODE, [ROOT], ["env=prod"])
        stack.callback(node.sshd.close)
        yield made


def test_a_session_goes_through_three_users(users: Users) -> None:
    person = users.installation.enrolled(users.admin, "alice", "ops")
    options = [*person.ssh_options(), "-p", str(users.installation.port)]
    done = subprocess.run(
        ["ssh", *options, f"{account(ROOT).login}@{NODE}@localhost", "echo from the node; exit 3"],
        env=person.env(),
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, b"from the node\n"), done.stderr
    for name, process in users.running.items():
        assert Path(f"/proc/{process.pid}/status").read_text().split("Uid:")[1].split()[:4] == (
            [str(users.accounts[name].uid)] * 4
        )
    assert users.admin.run("audit", "verify").returncode == 0


@pytest.mark.parametrize("who", PEOPLE)
def test_files_are_read_by_the_role_that_needs_them_and_nobody_else(users: Users, who: str) -> None:
    layout = users.layout
    needed = {
        sorted(layout.keys.iterdir())[0]: users.holders("signer"),
        layout.key_encryption_key: users.holders("signer"),
        layout.database: users.holders("authority"),
        layout.splice_key: users.holders("authority"),
        layout.gateway_identity: users.holders("gateway"),
        layout.config: users.holders("signer", "authority"),
        layout.installation: users.holders("signer", "authority"),
    }
    reader = users.accounts[who]
    found = {path: run_as(reader, "cat", str(path)).returncode == 0 for path in needed}
    assert found == {path: reader.uid in holders for path, holders in needed.items()}


@pytest.mark.parametrize("who", PEOPLE)
def test_directories_are_entered_and_changed_by_their_role_and_nobody_else(users: Users, who: str) -> None:
    layout = users.layout
    owned = {
        layout.keys: users.holders("signer"),
        layout.run: users.holders("signer"),
        layout.authority: users.holders("authority"),
        layout.recordings: users.holders("authority"),
        layout.gateway: users.holders("gateway"),
        layout.spool: users.holders("gateway"),
        layout.root: {os.geteuid()},
    }
    visitor = users.accounts[who]
    for program in ("ls", "touch"):
        words = [program] if program == "ls" else [program, "-c", "-m"]
        found = {path: run_as(visitor, *words, str(path)).returncode == 0 for path in owned}
        assert found == {path: visitor.uid in owners for path, owners in owned.items()}, program


@pytest.mark.parametrize("who", PEOPLE)
def test_signer_is_reached_by_itself_and_the_authority_alone(users: Users, who: str) -> None:
    caller = users.accounts[who]
    done = users.python.run(caller, "-c", ASK_THE_SIGNER, str(users.layout.signer_socket))
    assert (done.returncode == 0) is (caller.uid in users.holders("signer", "authority")), done.stderr


def test_signer_asks_for_the_user_also_where_the_group_opens_the_way(users: Users) -> None:
    caller, group = users.accounts["stranger"], group_of(users.accounts["authority"])
    socket = str(users.layout.signer_socket)
    assert run_as(caller, "stat", socket, group=group).returncode == 0
    done = users.python.run(caller, "-c", ASK_THE_SIGNER, socket, group=group)
    assert (done.returncode == 0) is (caller.uid in users.holders("signer", "authority")), done.stderr


def test_no_role_is_run_by_another_user(users: Users) -> None:
    for name in ("signer", "authority"):
        stranger = users.accounts["stranger"]
        words = ["-m", "doorward.main.entry", "serve", "--role", name, "--data", str(users.layout.root)]
        if stranger.uid != users.accounts[name].uid:
            assert users.python.run(stranger, *words).returncode == 1
            done = users.operator("serve", "--role", name, "--data", str(users.layout.root))
            assert f"{users.accounts[name].login} runs it" in done.stderr
    done = users.operator("serve", "--data", str(users.layout.root))
    assert done.returncode == 1
    assert "each as that user, with --role" in done.stderr


def test_a_backup_is_restored_into_the_same_hands(users: Users) -> None:
    copy, other = users.installation.folder / "copy", Layout(users.installation.folder / "other")
    for words in (
        ["backup", "--data", str(users.layout.root), str(copy)],
        ["restore", "--data", str(other.root), str(copy)],
    ):
        done = users.operator(*words)
        assert done.returncode == 0, done.stderr
    shutil.copy(users.layout.key_encryption_key, other.key_encryption_key)
    done = users.operator("identity", "--data", str(other.root))
    assert done.returncode == 0, done.stderr
    for name in ("root", "keys", "authority", "database", "gateway", "gateway_identity", "run", "config"):
        before, after = getattr(users.layout, name).stat(), getattr(other, name).stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode), name
    assert {one.stat().st_uid for one in other.authority.rglob("*")} == users.holders("authority")
