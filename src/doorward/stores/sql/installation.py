"""Which installation a database belongs to: made together with the keys, and held together with them."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import InstallationId
from doorward.stores.sql.tables import installation


class NotInstalled(Missing):
    """The database has no installation id: `doorward init` makes one."""

    code = "not_installed"


class OtherInstallation(Invalid):
    """Keys and database do not belong together."""

    code = "other_installation"


class AlreadyInstalled(Conflict):
    """The database has an installation id already."""

    code = "already_installed"


def create_installation(connection: Connection, installation_id: InstallationId, now: datetime) -> None:
    """Give the database its id, once."""
    if connection.execute(select(installation.c.id)).scalar_one_or_none() is not None:
        raise AlreadyInstalled("initialising: this database belongs to an installation already")
    connection.execute(insert(installation).values(one=1, id=installation_id, created=now))


def installation_id_of(connection: Connection) -> InstallationId:
    """The id; `NotInstalled` when there is none."""
    found = connection.execute(select(installation.c.id)).scalar_one_or_none()
    if found is None:
        raise NotInstalled("opening the store: it was not initialised; run doorward init")
    return InstallationId(found)


def check_installation(connection: Connection, expected: InstallationId) -> None:
    """`OtherInstallation` unless the database belongs to the installation whose keys these are."""
    found = installation_id_of(connection)
    if found != expected:
        raise OtherInstallation(f"opening the store: it belongs to installation {found}, the keys to {expected}")
