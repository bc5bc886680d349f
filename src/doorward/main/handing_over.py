"""Gives each role's part of a data directory to the role's own user.

The signer's user owns the keys and its socket's directory; the authority's may pass through that directory, as a member
of its group. What both read, the configuration and the installation id, is the signer's to change and the authority's
group's to read. The data directory itself stays with who made it, root, and may be passed through only.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from doorward.main.layout import MEETING_MODE, Layout
from doorward.main.role_users import Owner, check_apart, owner_of
from doorward.main.settings import Settings
from doorward.main.signer_role import kek_source
from doorward.stores.keys.kek import KekFile

ROOT_MODE: Final = 0o711
SHARED_MODE: Final = 0o640


def hand_over(layout: Layout, settings: Settings) -> None:
    """Call it as root, before anything is served from there; `PermissionError` for who may not give files away.

    Nothing is done where all roles are one user's.
    """
    users = settings.users
    if users is None:
        return
    check_apart(users)
    signer, authority, gateway = (owner_of(name) for name in (users.signer, users.authority, users.gateway))
    meeting = Owner(signer.uid, authority.gid)
    _give_all(layout, settings, signer=signer, authority=authority, gateway=gateway, meeting=meeting)
    for shared in (layout.config, layout.installation):
        shared.chmod(SHARED_MODE)
    layout.run.chmod(MEETING_MODE)
    layout.root.chmod(ROOT_MODE)


@contextmanager
def taken_back(layout: Layout, settings: Settings) -> Iterator[None]:
    """For work of root's on all parts at once, while nothing runs: everything is ours within the block."""
    if settings.users is None:
        yield
        return
    us = Owner(os.geteuid(), os.getegid())
    _give_all(layout, settings, signer=us, authority=us, gateway=us, meeting=us)
    try:
        yield
    finally:
        hand_over(layout, settings)


def _give_all(
    layout: Layout, settings: Settings, *, signer: Owner, authority: Owner, gateway: Owner, meeting: Owner
) -> None:
    _give_tree(layout.keys, signer)
    _give_tree(layout.authority, authority)
    _give_tree(layout.gateway, gateway)
    _give_tree(layout.run, meeting)
    source = kek_source(settings, layout)
    if isinstance(source, KekFile) and source.path.exists():
        _give(source.path, signer)
    for shared in (layout.config, layout.installation):
        _give(shared, meeting)


def _give(path: Path, owner: Owner) -> None:
    os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def _give_tree(top: Path, owner: Owner) -> None:
    for _, _, names, descriptor in os.fwalk(top, topdown=False):
        for name in names:
            os.chown(name, owner.uid, owner.gid, dir_fd=descriptor, follow_symlinks=False)
        os.fchown(descriptor, owner.uid, owner.gid)
