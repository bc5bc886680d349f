"""Backups: the database as a consistent copy, the keys still encrypted, never the key that opens them.

Nor the gateway's identity, whose key lies in the clear: whoever reads a backup would be the gateway.
"""

import shutil
from pathlib import Path

from doorward.base.errors import Conflict, Invalid
from doorward.main.installation import checked_installation_id
from doorward.main.layout import Layout, make_private_directory
from doorward.main.role_users import check_apart
from doorward.main.settings import Settings, load_settings
from doorward.stores.sql.sqlite_store import backup_sqlite


class BackupExists(Conflict):
    """The target holds something already."""

    code = "backup_exists"


class NotABackup(Invalid):
    """The directory is no backup of ours."""

    code = "not_a_backup"


def back_up(layout: Layout, to: Path) -> None:
    """Copy into the new directory `to`, 0700."""
    checked_installation_id(layout, load_settings(layout.config, layout.root).users)
    if not layout.database.is_file():
        raise NotABackup("backing up: the database is not a file here; use pg_dump for it, and copy the keys")
    if to.exists():
        raise BackupExists(f"backing up: {to} exists")
    make_private_directory(to)
    target = Layout(to)
    make_private_directory(target.authority)
    backup_sqlite(layout.database, target.database)
    shutil.copytree(layout.keys, target.keys)
    for source, copy in ((layout.installation, target.installation), (layout.config, target.config)):
        shutil.copy2(source, copy)


def restore(layout: Layout, source: Path) -> Settings:
    """Copy a backup into the empty data directory; its settings, which say whom the parts are to be handed to."""
    kept = Layout(source)
    if not kept.database.is_file() or not kept.installation.is_file():
        raise NotABackup(f"restoring: {source} holds no backup")
    if layout.root.exists() and any(layout.root.iterdir()):
        raise BackupExists(f"restoring: {layout.root} is not empty")
    settings = load_settings(kept.config, layout.root)
    if settings.users is not None:
        check_apart(settings.users)
    make_private_directory(layout.root)
    shutil.copytree(source, layout.root, dirs_exist_ok=True)
    for directory in (layout.recordings, layout.gateway, layout.spool, layout.run):
        make_private_directory(directory)
    return settings
