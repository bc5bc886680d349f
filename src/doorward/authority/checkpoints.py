"""Signed checkpoints of the audit log: a log that was rewritten as a whole differs from what was signed.

The signer signs size and root, and within one run refuses a log that shrank or forked. The notes are kept beside the
log and looked at in each verification; `dw audit verify` prints the newest, and a copy kept elsewhere is what finds an
attacker who rewrites log and notes together.
"""

from typing import Final

from doorward.authority.ports import KeptCheckpoint
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError
from doorward.base.ids import InstallationId
from doorward.domain.audit.checkpoint import parse_checkpoint
from doorward.domain.certificates.statements import open_note

ORIGIN_PREFIX: Final = "doorward/"


def origin_of(installation_id: InstallationId) -> str:
    """The name under which an installation's log is signed."""
    return ORIGIN_PREFIX + installation_id


async def sign_head(services: Services) -> KeptCheckpoint | None:
    """Have the log's present size and root signed, and keep the note; None for an empty log."""
    head = await services.log.log_head()
    latest = await services.store.read(lambda tx: tx.checkpoints.latest())
    if not head.size or (latest is not None and latest.size == head.size):
        return latest
    origin = origin_of(services.installation_id)
    signed = await services.signer.sign_checkpoint(origin=origin, size=head.size, root=head.root)
    kept = KeptCheckpoint(head.size, head.root, signed.note.decode(), services.clock.now())
    await services.store.write(lambda tx: tx.checkpoints.add(kept))
    return kept


def fault_of(services: Services, kept: KeptCheckpoint) -> str:
    """What is wrong with a kept checkpoint; empty when the signer's key signed exactly this."""
    origin = origin_of(services.installation_id)
    for public_key in services.keys.checkpoint:
        try:
            body = parse_checkpoint(open_note(kept.note.encode(), origin, public_key))
        except DoorwardError:
            continue
        if (body.origin, body.size, body.root) == (origin, kept.size, kept.root):
            return ""
    return f"the checkpoint over {kept.size} entries is not what the signer signed"
