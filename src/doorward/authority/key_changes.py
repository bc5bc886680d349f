"""What the signer did to the authorities' keys, believed at once and told to the log.

The key files say which key is in which state; the log tells of each change. A crash may come between the two, so the
keys that the log tells of are kept, and compared at the start, after each step of a rotation and each half minute: what
the log does not tell of yet is noted then, in one transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from doorward.api.signer.messages import KnownKeys
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.ports_machines import NotedKey
from doorward.authority.services import Services
from doorward.domain.audit.event import SYSTEM, Actor
from doorward.domain.audit.events_machines import AUTHORITY_KEY_ROTATED
from doorward.domain.certificates.purposes import KeyState
from doorward.domain.certificates.rotation import ROTATED
from doorward.wire.ssh.public_key import fingerprint

LOOK_EACH_SECONDS: Final = 30.0
"""How long a change that another process asked for stays unseen here."""


async def look_at_keys(services: Services) -> None:
    """Ask the signer, believe what it says, and note what changed."""
    await take_keys(services, await services.signer.public_keys(), SYSTEM)


async def take_keys(services: Services, known: KnownKeys, actor: Actor) -> None:
    """From now on `known` is believed, here and on every gateway that listens; `actor` is who moved what is new."""
    before = services.keys
    services.key_book.take(known)
    now = _rotating(known)

    def work(tx: Transaction) -> None:
        _note_changes(tx, {key.key_id: key for key in tx.noted_keys.list()}, now, actor)

    if await services.store.read(lambda tx: set(tx.noted_keys.list()) != set(now)):
        await services.store.write(work)
    if services.keys != before:
        services.bell.ring()


def _rotating(known: KnownKeys) -> Sequence[NotedKey]:
    keys = (key for key in known.keys if key.purpose in ROTATED)
    return [NotedKey(key.key_id, key.purpose, key.state, fingerprint(key.public_key)) for key in keys]


def _note_changes(tx: Transaction, noted: Mapping[str, NotedKey], now: Sequence[NotedKey], actor: Actor) -> None:
    for key in now:
        earlier = noted.get(key.key_id)
        if earlier != key:
            tx.noted_keys.put(key)
        # The keys that an installation began with are told of by its first event.
        step = _step(earlier, key) if noted else None
        if step is not None:
            _note(tx, key, step, actor)
    for key_id in noted.keys() - {key.key_id for key in now}:
        tx.noted_keys.delete(key_id)
        _note(tx, noted[key_id], "retired", actor)


def _step(before: NotedKey | None, after: NotedKey) -> str | None:
    if after.state is KeyState.NEXT and before is None:
        return "prepared"
    if after.state is KeyState.CURRENT and (before is None or before.state is not KeyState.CURRENT):
        return "switched"
    return None


def _note(tx: Transaction, key: NotedKey, step: str, actor: Actor) -> None:
    note(tx, AUTHORITY_KEY_ROTATED, actor, {"kind": str(key.purpose), "step": step, "fingerprint": key.fingerprint})
