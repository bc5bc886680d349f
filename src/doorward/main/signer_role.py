"""The signer process: opens the keys, serves its socket, holds nothing else."""

import os
from pathlib import Path

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.main.installation import checked_installation_id
from doorward.main.layout import Layout, check_meeting_place, make_private_directory
from doorward.main.role_users import owner_of
from doorward.main.settings import Settings
from doorward.main.supervisor import announce_ready
from doorward.signer.process import harden_process, run_signer
from doorward.stores.keys.kek import KekFile, KekSource, forget_kek_variable, load_kek, parse_kek_source
from doorward.stores.keys.key_files import open_keys


def kek_source(settings: Settings, layout: Layout) -> KekSource:
    """Where the key-encryption key is: as configured, else the file that `init` made."""
    if settings.key_encryption_key:
        return parse_kek_source(settings.key_encryption_key)
    return KekFile(layout.key_encryption_key)


def _allowed_uids(settings: Settings, layout: Layout) -> set[int]:
    """Who may call: our own user, and the authority's where it has one. The way to the socket is checked as well."""
    if settings.users is None:
        make_private_directory(layout.run)
        return {os.geteuid()}
    authority = owner_of(settings.users.authority)
    check_meeting_place(layout.run, authority.gid)
    return {os.geteuid(), authority.uid}


async def run(settings: Settings, layout: Layout) -> None:
    """Serve until cancelled; errors of the keys are one line each."""
    harden_process()
    source = kek_source(settings, layout)
    kek = load_kek(source, os.environ)
    forget_kek_variable(source)
    ring = open_keys(layout.keys, kek, checked_installation_id(layout, settings.users))
    await run_signer(
        ring,
        Path(layout.signer_socket),
        allowed_uids=_allowed_uids(settings, layout),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        on_ready=announce_ready,
    )
