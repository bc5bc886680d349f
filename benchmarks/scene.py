"""What the SSH rows are measured on: a real installation, two real nodes, a real jump host, one user, stock `ssh`.

One node offers aes128-gcm only and the other chacha20-poly1305 only, and both curve25519-sha256 only, so that every leg
of every way (direct, ProxyJump, gateway) runs the same algorithms. The account has an empty home and /bin/sh. `dwt-app`
is recorded whole (the default level), `dwt-root` at the level `events`.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.population import add_nodes, filler
from tests.support.accounts import account, empty_home
from tests.support.installation import Installation, temporary_folder
from tests.support.node_lab import PreparedNode, prepare_node
from tests.support.openssh import SSH, Sshd, SshdSettings
from tests.support.people import Person
from tests.support.ssh_keys import KeyFiles, make_key

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.stores.sql.sqlite_store import open_sqlite

KEX = "curve25519-sha256"
CIPHERS = {"gcm": "aes128-gcm@openssh.com", "chacha": "chacha20-poly1305@openssh.com"}
RECORDED, EVENTS = "dwt-app", "dwt-root"
WAYS = ("direct", "jumped", "gateway")
SETTLE_SECONDS_MAX = 120.0
ROLES = """
kind: role
version: v8
metadata: {name: recorded}
spec:
  allow: {logins: [dwt-app], node_labels: {bench: ssh}}
  options: {max_sessions: 100000, max_connections: 100000}
---
kind: role
version: v8
metadata: {name: events}
spec:
  allow: {logins: [dwt-root], node_labels: {bench: ssh}}
  options: {record_session: {ssh: events}, max_sessions: 100000, max_connections: 100000}
---
kind: role
version: v8
metadata: {name: developer}
spec:
  allow: {logins: [deploy], node_labels: {env: [dev, "stage*"], team: [web, data, core]}}
---
kind: role
version: v8
metadata: {name: fences}
spec:
  allow: {logins: [root], node_labels: {region: "^(eu|us)-(west|central)-[0-9]+$"}}
  deny: {node_labels: {data: secret}}
"""


@dataclass(frozen=True)
class Scene:
    """Everything running; `ssh` gives the command of one way to one node."""

    folder: Path
    installation: Installation
    user: Person
    nodes: dict[str, PreparedNode]
    jump: Sshd
    config: Path

    def ssh(self, way: str, cipher: str, login: str, *words: str) -> list[str]:
        """`way`: direct, jumped or gateway; `cipher`: gcm or chacha."""
        name = f"{login}@{self.nodes[cipher].name}" if way == "gateway" else login
        return [SSH, "-F", str(self.config), "-l", name, f"{way}-{cipher}", *words]

    def environment(self) -> dict[str, str]:
        """Of the user's commands."""
        return self.user.env() | {"LC_ALL": "C", "TERM": "xterm"}

    def run(self, *command: str) -> float:
        """Seconds that a command took; it must succeed."""
        began = time.perf_counter()
        done = subprocess.run(
            command,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command[-3:])} ended with {done.returncode}: {done.stderr.decode()}")
        return seconds

    def settle(self) -> None:
        """Wait until every ended session is reported and every recording has left the gateway's spool."""
        spool = self.installation.data / "gateway" / "spool"
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while any(path.is_file() for path in spool.rglob("*")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"recordings stay in the spool: {sorted(spool.rglob('*'))[:3]}")
            time.sleep(0.1)
        time.sleep(0.5)


@contextlib.contextmanager
def open_scene(nodes: int, kind: type[Installation] = Installation) -> Iterator[Scene]:
    """A scene with this many other nodes beside the real ones; all of it is gone afterwards."""
    folder = temporary_folder()
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        installation = kind.create(folder)
        asyncio.run(_fill(installation, nodes))
        stack.callback(installation.stop)
        installation.start()
        admin = installation.administrator()
        admin.dw("apply", "-f", "-", stdin=ROLES)
        user = installation.enrolled(admin, "bob", "recorded", "events", "developer", "fences")
        for login in (RECORDED, EVENTS):
            empty_home(account(login))
        key = make_key(folder / "key", comment="bench")
        prepared = {name: _node(stack, admin, name, key) for name in CIPHERS}
        both = ",".join(CIPHERS.values())
        jump = stack.enter_context(Sshd(_settings(key, both)))
        config = folder / "ssh_config"
        config.write_text(_config(folder, installation, user, prepared, jump, key))
        yield Scene(folder, installation, user, prepared, jump, config)


async def _fill(installation: Installation, nodes: int) -> None:
    store = await open_sqlite(installation.data / "authority" / "doorward.db", SystemClock(), SystemEntropy())
    try:
        await add_nodes(store, filler(nodes))
    finally:
        await store.close()


def _settings(key: KeyFiles, ciphers: str) -> SshdSettings:
    lines = (f"KexAlgorithms {KEX}", f"Ciphers {ciphers}", "LogLevel ERROR")
    return SshdSettings(authorized_key_lines=(key.public_line,), lines=lines)


def _node(stack: contextlib.ExitStack, admin: Person, cipher: str, key: KeyFiles) -> PreparedNode:
    settings = _settings(key, CIPHERS[cipher])
    node = prepare_node(admin, f"bench-{cipher}", [RECORDED, EVENTS], ["bench=ssh"], settings)
    stack.callback(node.sshd.close)
    return node


def _config(
    folder: Path,
    installation: Installation,
    user: Person,
    nodes: dict[str, PreparedNode],
    jump: Sshd,
    key: KeyFiles,
) -> str:
    known = folder / "known_hosts"
    servers = [jump, *(node.sshd for node in nodes.values())]
    known.write_text("".join(f"{server.known_hosts_line()}\n" for server in servers))
    ours = f"IdentityFile {key.private}\n  UserKnownHostsFile {known}"
    theirs = (
        f"IdentityFile {user.keep / 'id_ed25519'}\n  CertificateFile {user.keep / 'id_ed25519-cert.pub'}"
        f"\n  UserKnownHostsFile {user.keep / 'known_hosts'}\n  HostKeyAlias localhost"
    )
    blocks: list[str] = []
    for cipher, node in nodes.items():
        port = node.sshd.port
        suite = f"Ciphers {CIPHERS[cipher]}"
        hop = f"ProxyJump jump-{cipher}"
        blocks += [
            f"Host jump-{cipher}\n  Port {jump.port}\n  User {RECORDED}\n  {suite}\n  {ours}",
            f"Host direct-{cipher}\n  Port {port}\n  {suite}\n  {ours}",
            f"Host jumped-{cipher}\n  Port {port}\n  {suite}\n  {hop}\n  {ours}",
            f"Host gateway-{cipher}\n  Port {installation.port}\n  {suite}\n  {theirs}",
        ]
    every = (
        f"Host *\n  HostName 127.0.0.1\n  KexAlgorithms {KEX}\n  BatchMode yes\n  StrictHostKeyChecking yes\n"
        "  GlobalKnownHostsFile none\n  IdentitiesOnly yes\n  IdentityAgent none\n  ControlPath none\n"
        "  IgnoreUnknown ObscureKeystrokeTiming\n  ObscureKeystrokeTiming no\n  LogLevel ERROR"
    )
    return "\n".join([*blocks, every]) + "\n"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("the process has no resident memory")
