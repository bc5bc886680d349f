"""The installation id in the data directory: made once with keys and database, and held together with them."""

from doorward.base.errors import Invalid
from doorward.base.ids import InstallationId, checked_id
from doorward.main.layout import Layout, check_root
from doorward.main.role_users import RoleUsers


class NotInitialised(Invalid):
    """The directory holds no installation."""

    code = "not_initialised"


def checked_installation_id(layout: Layout, users: RoleUsers | None) -> InstallationId:
    """The id in a data directory that is as private as it must be; `BadSettings` when it is not."""
    if layout.root.is_dir():
        check_root(layout.root, is_shared=users is not None)
    return read_installation_id(layout)


def read_installation_id(layout: Layout) -> InstallationId:
    """The id; `NotInitialised` with the command to run when there is none."""
    try:
        text = layout.installation.read_text(encoding="ascii")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError) as error:
        raise NotInitialised(f"opening {layout.root}: run doorward init --data {layout.root} first") from error
    return InstallationId(checked_id(text.strip()))
