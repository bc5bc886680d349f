"""The embedded gateway's identity, made anew where there is none.

A backup does not hold it, since its key lies in the clear: `serve` makes another after a restore, in a process that
opens the keys, ends, and leaves nothing of them in the supervisor, which lives on as the gateway's parent.
"""

import os

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import InstallationId
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import CERTIFICATE_SIGNED
from doorward.main.embedded_gateway import EMBEDDED_GATEWAY, issue_identity
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.own_signer import own_signer
from doorward.main.settings import BadSettings, Settings
from doorward.main.signer_role import kek_source
from doorward.signer.process import harden_process
from doorward.stores.keys.kek import load_kek


async def make_identity(settings: Settings, layout: Layout, installation_id: InstallationId) -> None:
    """Make and note it, in a process of its own, before anything is served."""
    harden_process()
    store = await open_store(settings, layout)
    try:
        known = await store.read(lambda tx: [one.id for one in tx.gateways.list() if one.name == EMBEDDED_GATEWAY])
        if not known:
            raise BadSettings("making the gateway's identity: this installation has no gateway of its own")
        kek = load_kek(kek_source(settings, layout), os.environ)
        async with own_signer(layout, kek, installation_id, SystemClock(), SystemEntropy()) as signer:
            serial = await issue_identity(signer, layout, known[0])
        fields = {"kind": "gateway", "serial": serial}
        actor, subjects = Actor.gateway(known[0]), Subjects(gateway=known[0])

        def work(tx: Transaction) -> None:
            tx.gateways.rebind(known[0], serial, settings.names)
            note(tx, CERTIFICATE_SIGNED, actor, fields, subjects)

        await store.write(work)
    finally:
        await store.close()
