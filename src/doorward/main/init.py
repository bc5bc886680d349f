"""`doorward init`: keys, database and installation id are made together, on the host's own terminal.

What it prints once is the code with which the first administrator signs up; it lives for half an hour and is worth
nothing as soon as an administrator exists.
"""

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from doorward.authority.noting import note
from doorward.authority.operations.enrol import administrator_exists
from doorward.authority.operations.sign_in import VERSION
from doorward.authority.operations.users import add_invitation, draw_code
from doorward.authority.policy import PolicyCache
from doorward.authority.ports import StoredResource, Transaction
from doorward.base.clock import Clock, SystemClock, to_micros
from doorward.base.entropy import Entropy, SystemEntropy
from doorward.base.errors import Conflict, Refused
from doorward.base.ids import GatewayId, InstallationId, PersonId, UserId, new_id
from doorward.domain.access.gateway_scope import EVERY_NODE
from doorward.domain.audit.event import OPERATOR, Actor, Subjects
from doorward.domain.audit.events_machines import GATEWAY_JOINED
from doorward.domain.audit.events_people import ADMIN_CODE_ISSUED, INSTALLATION_CREATED
from doorward.domain.audit.events_policy import RESOURCE_CREATED
from doorward.domain.identity.invitation import FIRST_ADMIN_LIFETIME, InvitationPurpose
from doorward.domain.identity.machines import Gateway
from doorward.domain.kinds.registry import dump, load_body
from doorward.domain.kinds.user import User
from doorward.main.embedded_gateway import EMBEDDED_GATEWAY, issue_identity
from doorward.main.gateway_settings import write_settings
from doorward.main.handing_over import hand_over
from doorward.main.layout import Layout, make_private_directory
from doorward.main.open_store import open_store
from doorward.main.own_signer import own_signer
from doorward.main.role_users import check_apart
from doorward.main.settings import Settings, dump_settings, parse_settings
from doorward.main.signer_role import kek_source
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.kek import KekFile, create_kek_file, load_kek

# Nobody gives what they do not hold: without `auditor` here, nobody could ever be allowed to replay a recording.
FIRST_ROLES = ("admin", "auditor")


class AlreadyInitialised(Conflict):
    """The directory holds something already."""

    code = "already_initialised"


class AdministratorExists(Refused):
    """The code on the host's terminal is for the first administrator only."""

    code = "administrator_exists"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What the operator needs for the first sign-in."""

    installation_id: InstallationId
    administrator: str
    code: str
    pin: str


async def initialise(settings: Settings, layout: Layout, administrator: str) -> Initialised:
    """Make an installation in an empty directory; a failure leaves nothing half made behind."""
    os.umask(0o077)
    # What could not be read back would shut every door, or keep the processes from starting.
    load_body("user", dump(User(administrator.lower(), FIRST_ROLES)))
    parse_settings(dump_settings(settings), layout.root)
    if settings.users is not None:
        check_apart(settings.users)
    if layout.root.exists() and any(layout.root.iterdir()):
        raise AlreadyInitialised(f"initialising {layout.root}: it is not empty")
    make_private_directory(layout.root)
    with ExitStack() as undone:
        undone.callback(_empty, layout.root)
        made = await _make(settings, layout, administrator, undone)
        undone.pop_all()
        return made


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


async def _make(settings: Settings, layout: Layout, administrator: str, undone: ExitStack) -> Initialised:
    """`undone` runs unless all is well: what is made outside the directory is removed by it, too."""
    clock, entropy = SystemClock(), SystemEntropy()
    installation_id = InstallationId(new_id(entropy))
    source = kek_source(settings, layout)
    if isinstance(source, KekFile) and not source.path.exists():
        create_kek_file(source.path, entropy)
        undone.callback(source.path.unlink, missing_ok=True)
    kek = load_kek(source, os.environ)
    for directory in (layout.authority, layout.recordings, layout.gateway, layout.spool, layout.run):
        make_private_directory(directory)
    create_keys(layout.keys, kek, installation_id, clock=clock, entropy=entropy)
    layout.config.write_text(dump_settings(settings), encoding="utf-8")
    write_settings(layout, settings)  # so that each role can be started by itself
    store = await open_store(settings, layout)
    try:
        await store.create_installation(installation_id)
        async with own_signer(layout, kek, installation_id, clock, entropy) as signer:
            pin = (await signer.public_keys()).root_pin()
            gateway = GatewayId(new_id(entropy))
            serial = await issue_identity(signer, layout, gateway)
        founding = _Founding(installation_id, administrator.lower(), settings, gateway, serial)
        code = await store.write(lambda tx: _found(tx, founding, clock, entropy))
    finally:
        await store.close()
    layout.installation.write_text(installation_id + "\n", encoding="ascii")
    hand_over(layout, settings)
    return Initialised(installation_id, founding.administrator, code, pin)


@dataclass(frozen=True, slots=True)
class _Founding:
    installation_id: InstallationId
    administrator: str
    settings: Settings
    gateway_id: GatewayId
    gateway_serial: str


def _found(tx: Transaction, founding: _Founding, clock: Clock, entropy: Entropy) -> str:
    note(tx, INSTALLATION_CREATED, OPERATOR, {"installation": founding.installation_id, "version": VERSION})
    user = StoredResource(
        kind="user",
        name=founding.administrator,
        id=new_id(entropy),
        revision=1,
        body=dump(User(founding.administrator, FIRST_ROLES)),
        updated=clock.now(),
    )
    tx.resources.insert(user)
    tx.persons.add(PersonId(new_id(entropy)), UserId(user.id))
    fields = {"kind": "user", "name": user.name, "revision": 1}
    note(tx, RESOURCE_CREATED, OPERATOR, fields, Subjects(resource=user.id, user=user.id))
    names = founding.settings.names
    gateway = Gateway(founding.gateway_id, EMBEDDED_GATEWAY, names, tx.now, founding.gateway_serial, scope=EVERY_NODE)
    tx.gateways.add(gateway)
    joined = {"name": EMBEDDED_GATEWAY, "x509_serial": founding.gateway_serial, "names": list(names)}
    note(tx, GATEWAY_JOINED, Actor.gateway(founding.gateway_id), joined, Subjects(gateway=founding.gateway_id))
    return _issue_first_code(tx, user, entropy)


def _issue_first_code(tx: Transaction, user: StoredResource, entropy: Entropy) -> str:
    new = draw_code(entropy, InvitationPurpose.FIRST_ADMIN, FIRST_ADMIN_LIFETIME)
    invitation = add_invitation(tx, user, new, OPERATOR)
    note(tx, ADMIN_CODE_ISSUED, OPERATOR, {"expires_micros": to_micros(invitation.expires)}, Subjects(user=user.id))
    return new.code


async def new_first_code(settings: Settings, layout: Layout) -> str:
    """Another code for the first administrator, as long as none has signed up."""
    store = await open_store(settings, layout)

    def work(tx: Transaction) -> str:
        view = PolicyCache().view(tx)
        if administrator_exists(tx, view):
            raise AdministratorExists("making a code: an administrator has signed up; use dw users invite or reset")
        founders = [stored for stored, user in view.users.values() if "admin" in user.roles]
        return _issue_first_code(tx, founders[0], SystemEntropy())

    try:
        return await store.write(work)
    finally:
        await store.close()
