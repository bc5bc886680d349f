"""An authority without HTTP: the real store, the real signer over its socket, a clock that the test moves.

Users, roles, nodes and gateways are put into the store as they would lie there; certificates come from the signer.

    async with open_lab() as lab:
        await lab.declare(OPS)
        bob = await lab.signed_in("bob", "ops")
        await lab.node("prod-web-01", {"env": "prod"})
        plan = await open_as(lab, bob, "dwt-root@prod-web-01")  # tests.support.proofs
"""

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.authorities import INSTALLATION, ed25519_key, own_key_ring
from tests.support.postgres_stores import open_emptied
from tests.support.signers import running_signer
from tests.support.x509_values import spki

from doorward.api.bodies.gateway_calls import OpenSession, SessionPlan
from doorward.api.bodies.resources import Applied, Apply, SourceFile
from doorward.api.signer.client import SignerClient
from doorward.authority.callers import GatewayCaller, Peer, UserCaller
from doorward.authority.gateway_limits import GatewayLimits
from doorward.authority.known_devices import KnownDevices
from doorward.authority.operations.open_session import open_session
from doorward.authority.operations.resources import apply
from doorward.authority.passwords import Passwords
from doorward.authority.ports import StoredResource
from doorward.authority.services import KeyBook, Services
from doorward.authority.splice_keys import SpliceKeys
from doorward.authority.throttle import SignInThrottle
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import GatewayId, NodeId, PersonId, SessionId, SignInId, UserId, new_id
from doorward.domain.access.gateway_scope import EVERY_NODE, Scope
from doorward.domain.audit.log import LogEntry, LogQuery
from doorward.domain.certificates.ssh_check import authority_of
from doorward.domain.identity.machines import Gateway, HostVerification, NodeHost
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_DEFAULT, SignIn
from doorward.domain.kinds.registry import dump, parse_documents
from doorward.domain.sessions.record import SessionCut, SessionRecord
from doorward.domain.sessions.states import EndReason
from doorward.signer.rates import USUAL_RATES, Rate
from doorward.stores.blobs.directory import DirectoryRecordings
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.stores.sql.store import SqlStore
from doorward.stores.sql.transaction import SqlTransaction
from doorward.wire.ssh.public_key import fingerprint

T = TypeVar("T")

ON_BOTH_ENGINES = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""For tests under tests/authority whose `lab` runs on SQLite and on PostgreSQL; each run on the latter costs more."""
SOURCE = "192.0.2.7"
PEER = Peer(SOURCE)
NODE_KEY = ed25519_key(9001)[1]
OPS = """\
kind: role
version: v8
metadata: {name: ops}
spec:
  allow: {logins: [dwt-root], node_labels: {env: prod}}
"""
# argon2id with so little work that many tests can use it.
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NO_LIMITS = {kind: Rate(1e9, 10**9) for kind in USUAL_RATES}


@dataclass(frozen=True, slots=True)
class LabSignIn:
    """Somebody with a live sign-in: the keys and certificates that a client would hold."""

    caller: UserCaller
    key: Ed25519PrivateKey
    certificate: bytes
    x509: bytes
    row: SignIn


@dataclass
class AuthorityLab:
    """One authority; `entropy` gives the test's own ids and keys."""

    folder: Path
    clock: ManualClock
    store: SqlStore
    services: Services
    entropy: SeededEntropy = field(default_factory=lambda: SeededEntropy(77))
    gateway: GatewayCaller = field(init=False)

    # What is there

    async def declare(self, text: str) -> list[StoredResource]:
        """Put documents into the store, new or changed, without asking who may."""

        def work(tx: SqlTransaction) -> list[StoredResource]:
            stored: list[StoredResource] = []
            for one in parse_documents(text, "lab"):
                earlier = tx.resources.get(one.kind, one.name)
                number = earlier.revision if earlier is not None else 0
                identity = earlier.id if earlier is not None else new_id(self.entropy)
                row = StoredResource(one.kind, one.name, identity, number + 1, dump(one.value), tx.now)
                if earlier is None:
                    assert tx.resources.insert(row)
                else:
                    assert tx.resources.update(row, expected_revision=number)
                if one.kind == "user" and earlier is None:
                    tx.persons.add(PersonId(new_id(self.entropy)), UserId(row.id))
                stored.append(row)
            return stored

        return await self.store.write(work)

    async def user(self, name: str, *roles: str, traits: Mapping[str, Sequence[str]] | None = None) -> UserId:
        """A declared user."""
        held = {key: list(values) for key, values in (traits or {}).items()}
        spec: dict[str, Any] = {"roles": list(roles), **({"traits": held} if held else {})}
        (row,) = await self.declare(f"kind: user\nversion: v1\nmetadata: {{name: {name}}}\nspec: {_flow(spec)}\n")
        return UserId(row.id)

    async def node(self, name: str, labels: Mapping[str, str] | None = None, *, verified: bool = True) -> NodeId:
        """A declared node, whose host key is known unless said otherwise."""
        text = f"kind: node\nversion: v1\nmetadata: {{name: {name}, labels: {_flow(dict(labels or {}))}}}\n"
        (row,) = await self.declare(text + "spec: {address: '192.0.2.80:22'}\n")
        node_id = NodeId(row.id)
        if verified:
            now = self.clock.now()
            host = NodeHost(node_id, fingerprint(NODE_KEY), NODE_KEY, HostVerification.TOKEN, now, node_id)
            await self.store.write(lambda tx: tx.node_hosts.put(host))
        return node_id

    async def add_gateway(self, name: str, *names: str, scope: Scope = EVERY_NODE) -> GatewayCaller:
        """A joined gateway that shows these names."""
        identity = GatewayId(new_id(self.entropy))
        row = Gateway(identity, name, names, self.clock.now(), "ab" * 16, scope=scope)
        assert await self.store.write(lambda tx: tx.gateways.add(row))
        return GatewayCaller(identity, name, "192.0.2.90", row.x509_serial, frozenset(row.names))

    async def disable_gateway(self, gateway_id: GatewayId) -> None:
        """A joined gateway that may not call any more."""
        await self.store.write(lambda tx: tx.gateways.disable(gateway_id))

    async def signed_in(self, name: str, *roles: str, source: str = SOURCE) -> LabSignIn:
        """A new user with a live sign-in."""
        return await self.sign_in(name, await self.user(name, *roles), source=source)

    async def sign_in(self, name: str, user_id: UserId, *, source: str = SOURCE) -> LabSignIn:
        """One more live sign-in of a user."""
        key, blob = ed25519_key(int.from_bytes(self.entropy.token(4), "big"))
        identity = SignInId(new_id(self.entropy))
        signer = self.services.signer
        ssh = await signer.sign_user_ssh(user_id=user_id, sign_in_id=identity, public_key=blob)
        tls = await signer.issue_user_x509(user_id=user_id, sign_in_id=identity, public_key=spki(key))
        now = self.clock.now()
        row = SignIn(
            id=identity,
            user_id=user_id,
            created=now,
            expires=now + SIGN_IN_LENGTH_DEFAULT,
            ssh_serial=ssh.serial,
            x509_serial=tls.serial,
            method="password+totp",
            source=source,
            client="lab",
            ssh_authority=authority_of(ssh.certificate),
            face_authorities=tuple(fingerprint(one) for one in self.services.keys.face_host),
        )
        await self.store.write(lambda tx: tx.sign_ins.add(row))
        caller = UserCaller(user_id, name, identity, source)
        return LabSignIn(caller, key, ssh.certificate, tls.certificate, row)

    # What is done

    async def apply(
        self, who: LabSignIn, text: str, *, dry_run: bool = False, file: str = "lab.yaml", overwrite: bool = True
    ) -> Applied:
        """`resources.apply` of one file, over whatever is there unless said otherwise."""
        return await apply(self.services, who.caller, Apply([SourceFile(file, text)], dry_run, overwrite))

    async def ask(self, wanted: OpenSession, gateway: GatewayCaller | None = None) -> SessionPlan:
        """`open_session`, by the lab's gateway unless another is named."""
        return await open_session(self.services, gateway or self.gateway, wanted)

    async def start(self, session_id: str) -> bool:
        """The gateway's connection to the node stands."""
        return await self.store.write(lambda tx: tx.sessions.start(SessionId(session_id), tx.now, {}))

    async def end(self, session_id: str, reason: EndReason = EndReason.CLOSED) -> bool:
        """The session is over, without anyone having reported it."""

        def work(tx: SqlTransaction) -> bool:
            return tx.sessions.end(
                SessionId(session_id), reason, tx.now, level_achieved="output", bytes_in=0, bytes_out=0, facts={}
            )

        return await self.store.write(work)

    # What is found

    async def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """A look into the store."""
        return await self.store.read(work)

    async def session(self, session_id: str) -> SessionRecord:
        """The session's row."""
        found = await self.store.read(lambda tx: tx.sessions.get(SessionId(session_id)))
        assert found is not None
        return found

    async def cuts(self, after: int = 0, gateway: GatewayCaller | None = None) -> Sequence[SessionCut]:
        """What a gateway was ordered to cut."""
        return await self.store.read(lambda tx: tx.cuts.after((gateway or self.gateway).gateway_id, after))

    async def epoch(self) -> int:
        """The revocation epoch."""
        return await self.store.read(lambda tx: tx.revocation.current())

    async def events(self, *types: str) -> list[LogEntry]:
        """Entries of the log, the oldest first; all, or those of the types named."""
        found = await self.store.search_log(LogQuery(types=types, limit=1000))
        return list(reversed(found))

    async def events_since(self, size: int) -> list[LogEntry]:
        """What was logged since the log had `size` entries."""
        return [one for one in await self.events() if one.seq >= size]

    async def log_size(self) -> int:
        """How many entries there are."""
        return (await self.store.log_head()).size

    def advance(self, **by: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))


def _flow(value: Any) -> str:
    """YAML flow text of plain values: JSON is a part of it."""
    return json.dumps(value)


@lru_cache(maxsize=1)
def _template() -> bytes:
    """An empty database, migrated once."""
    folder = Path(tempfile.mkdtemp(prefix="dw-t-", dir="/tmp"))

    async def make() -> None:
        store = await open_sqlite(folder / "db", ManualClock(), SeededEntropy(1))
        await store.create_installation(INSTALLATION)
        await store.close()

    worker = threading.Thread(target=lambda: asyncio.run(make()))
    worker.start()
    worker.join()
    try:
        return (folder / "db").read_bytes()
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def open_lab(
    clock: ManualClock | None = None, postgres_url: str = "", *, has_own_keys: bool = False
) -> AsyncIterator[AuthorityLab]:
    """A lab with one gateway, `gw`, that shows `gw.example`; on SQLite unless a database is named, which is emptied.

    With `has_own_keys` its keys lie in `keys/` of its folder, and can be rotated.
    """
    clock = clock or ManualClock()
    folder = Path(tempfile.mkdtemp(prefix="dw-lab-", dir="/tmp"))
    try:
        socket = folder / "signer"
        ring = own_key_ring(folder / "keys") if has_own_keys else None
        async with running_signer(socket, clock=clock, rates=NO_LIMITS, ring=ring), SignerClient(socket) as signer:
            store = await _open_store(folder, clock, postgres_url)
            try:
                lab = AuthorityLab(folder, clock, store, await _services(folder, clock, store, signer))
                lab.gateway = await lab.add_gateway("gw", "gw.example")
                yield lab
            finally:
                await store.close()
    finally:
        shutil.rmtree(folder)


async def _open_store(folder: Path, clock: ManualClock, postgres_url: str) -> SqlStore:
    if postgres_url:
        store = await open_emptied(postgres_url, clock, SeededEntropy(1))
        await store.create_installation(INSTALLATION)
        return store
    (folder / "authority").mkdir(mode=0o700)
    database = folder / "authority" / "db"
    database.touch(mode=0o600)
    database.write_bytes(_template())
    return await open_sqlite(database, clock, SeededEntropy(1))


async def _services(folder: Path, clock: ManualClock, store: SqlStore, signer: SignerClient) -> Services:
    return Services(
        installation_id=INSTALLATION,
        store=store,
        log=store,
        signer=signer,
        key_book=KeyBook(await signer.public_keys()),
        recordings=DirectoryRecordings(folder / "recordings"),
        clock=clock,
        entropy=SeededEntropy(5),
        names=("authority.example", "127.0.0.1"),
        node_suffix="dw",
        throttle=SignInThrottle(clock),
        gateway_limits=GatewayLimits(clock),
        splice_keys=SpliceKeys(b"master key of a laboratory's ones"),
        known_devices=KnownDevices(b"master key of a laboratory's ones"),
        passwords=Passwords(QUICK_HASHER),
    )
