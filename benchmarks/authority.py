"""What an authority does in one second of CPU: whole `open_session` operations, and lists of ten thousand nodes.

The operations run in this process on a real installation: its database on disk (SQLite, durable commits), its real
signer in a process of its own, ten thousand nodes, four roles with globs, traits, an expression and denies.
Every operation brings the proof of a sign-in of its own, signed beforehand: signature and certificates are checked,
the decision is made and logged, the session stored, the session certificate signed. HTTP is not in it; the row
`ssh_session_authority_cpu_ms` holds all that a session costs an authority.
"""

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import uvloop
from benchmarks.decide import ROLES
from benchmarks.population import add_nodes, add_roles, filler, stored
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.installation import DOORWARD, Installation, temporary_folder

from doorward.api.bodies.gateway_calls import OpenSession, Proof
from doorward.api.signer.client import SignerClient
from doorward.authority.callers import GatewayCaller, UserCaller
from doorward.authority.operations.open_session import open_session
from doorward.authority.operations.reach import reachable_nodes
from doorward.authority.policy import PolicyCache
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import SignInId, UserId, new_id
from doorward.domain.identity.sign_in import SignIn
from doorward.domain.kinds.node import Node
from doorward.domain.kinds.user import User
from doorward.main.authority_role import open_services
from doorward.main.layout import Layout
from doorward.main.settings import load_settings
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.wire.ssh.public_key import ed25519_blob
from doorward.wire.ssh.signature import Signature, encode_signature
from doorward.wire.ssh.userauth import METHOD_HOSTBOUND, SERVICE, PublicKeyProof, encode_userauth_publickey

AT_ONCE: Final = 64
SESSIONS_OF_A_USER: Final = 40  # the usual limit is 50
WARM_UPS: Final = 128
CERTIFICATE: Final = "ssh-ed25519-cert-v01@openssh.com"
TRAITS: Final = {"email": ("alice@example.com",), "teams": ("web", "data", "core"), "fenced": ("sealed",)}
SIGNER_SECONDS_MAX: Final = 30.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a live sign-in, and what their client holds."""

    caller: UserCaller
    key: Ed25519PrivateKey
    certificate: bytes


def measure(nodes: int, lists: int, operations: int) -> dict[str, float]:
    """`list_10k_ms` and `operations_s`."""
    return uvloop.run(_measure(nodes, lists, operations))


async def _measure(nodes: int, lists: int, operations: int) -> dict[str, float]:
    async with _services(nodes) as services:
        users = [
            await _sign_in(services, f"user{place}")
            for place in range((operations + WARM_UPS) // SESSIONS_OF_A_USER + 1)
        ]
        wanted = await _requests(services, users, operations + WARM_UPS)
        gateway = await services.store.read(lambda tx: tx.gateways.list()[0])
        caller = GatewayCaller(gateway.id, gateway.name, "127.0.0.1", gateway.x509_serial, frozenset(gateway.names))
        listed = await _lists(services, users[0], lists)
        await _open(services, caller, wanted[:WARM_UPS])
        cpu, began = time.process_time(), time.perf_counter()
        await _open(services, caller, wanted[WARM_UPS:])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    rates = {"operations_s": round(operations / cpu, 1), "operations_wall_s": round(operations / wall, 1)}
    return {**listed, **rates}


@contextlib.asynccontextmanager
async def _services(nodes: int) -> AsyncIterator[Services]:
    folder = temporary_folder()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        installation = Installation.create(folder)
        layout = Layout(installation.data)
        stack.enter_context(_signer(installation, layout.signer_socket))
        store = await open_sqlite(layout.database, SystemClock(), SystemEntropy())
        stack.push_async_callback(store.close)
        signer = await stack.enter_async_context(SignerClient(layout.signer_socket))
        services = await open_services(load_settings(layout.config, layout.root), layout, store, signer)
        await add_nodes(store, filler(nodes))
        await add_roles(store, ROLES)
        yield services


@contextlib.contextmanager
def _signer(installation: Installation, socket: Path) -> Iterator[None]:
    command = [*DOORWARD, "serve", "--data", str(installation.data), "--role", "signer"]
    with subprocess.Popen(command, env=installation.env()) as signing:
        try:
            deadline = time.monotonic() + SIGNER_SECONDS_MAX
            while not socket.exists():
                if signing.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the signer did not start")
                time.sleep(0.05)
            yield
        finally:
            signing.terminate()


async def _sign_in(services: Services, name: str) -> SignedIn:
    roles = ("developer", "operator", "database-admin", "fences")
    user = stored("user", User(name, roles, TRAITS))
    user_id, sign_in_id = UserId(user.id), SignInId(new_id(services.entropy))
    key = Ed25519PrivateKey.generate()
    public = ed25519_blob(key.public_key().public_bytes_raw())
    signed = await services.signer.sign_user_ssh(user_id=user_id, sign_in_id=sign_in_id, public_key=public)

    def work(tx: Transaction) -> None:
        tx.resources.insert(user)
        expires = tx.now + timedelta(hours=8)
        serials = (signed.serial, str(signed.serial))
        tx.sign_ins.add(SignIn(sign_in_id, user_id, tx.now, expires, *serials, "password", "127.0.0.1", "bench"))

    await services.store.write(work)
    return SignedIn(UserCaller(user_id, name, sign_in_id, "127.0.0.1"), key, signed.certificate)


def _is_open(node: Node) -> bool:
    """Whether `developer` opens it to `deploy` and neither asks for a factor nor is fenced."""
    labels = node.labels
    return labels["env"] == "dev" and labels["team"] in TRAITS["teams"] and labels["data"] == "open"


async def _requests(services: Services, users: Sequence[SignedIn], count: int) -> list[OpenSession]:
    """What a gateway hands over, once for each session, spread over users and nodes."""
    gateway = await services.store.read(lambda tx: tx.gateways.list()[0])
    face_key = ed25519_blob(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    face = await services.signer.sign_face_host(gateway_id=gateway.id, name=gateway.names[0], public_key=face_key)
    nodes = [node.name for node in filler(count * 8) if _is_open(node)]
    known = set(await services.store.read(lambda tx: [one.name for one in tx.resources.list("node")]))
    names = [name for name in nodes if name in known]
    session_key = ed25519_blob(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    wanted: list[OpenSession] = []
    for place in range(count):
        user = users[place % len(users)]
        said = PublicKeyProof(
            session_id=services.entropy.token(32),
            user_name=f"deploy@{names[place % len(names)]}",
            service=SERVICE,
            method=METHOD_HOSTBOUND,
            algorithm=CERTIFICATE,
            key_blob=user.certificate,
            server_host_key=face.certificate,
        )
        signed = encode_userauth_publickey(said)
        signature = encode_signature(Signature("ssh-ed25519", user.key.sign(signed)))
        wanted.append(OpenSession(Proof(signed, signature), session_key, "127.0.0.1", "SSH-2.0-bench"))
    return wanted


async def _open(services: Services, caller: GatewayCaller, wanted: Sequence[OpenSession]) -> None:
    waiting = iter(wanted)

    async def gateway() -> None:
        for one in waiting:
            await open_session(services, caller, one)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(gateway())


async def _lists(services: Services, user: SignedIn, lists: int) -> dict[str, float]:
    """The p50, and that of an authority which has just learned of a change and must read everything anew."""
    milliseconds: list[float] = []
    for _ in range(lists + 1):
        began = time.perf_counter()
        found = await services.store.read(lambda tx: reachable_nodes(services, tx, user.caller))
        milliseconds.append((time.perf_counter() - began) * 1000)
    if not found:
        raise RuntimeError("the list must show something")
    unread = replace(services, policy=PolicyCache())
    began = time.perf_counter()
    await unread.store.read(lambda tx: reachable_nodes(unread, tx, user.caller))
    return {
        "list_10k_ms": round(statistics.median(milliseconds[1:]), 1),
        "list_10k_first_ms": round((time.perf_counter() - began) * 1000, 1),
        "list_10k_shown": len(found),
    }
