"""A client's secret, read where the connector points, within what the operator of this host has opened.

Whoever may declare a connector chooses the reference and the provider that will receive what it names. So that this can
not be used to carry off any file or variable of this process, files must lie in the folders given here, which the
operator fills, and variables must have our prefix.
"""

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from doorward.base.errors import Unavailable
from doorward.base.secret import Secret
from doorward.domain.kinds.oidc_connector import SecretReference

SECRET_BYTES_MAX: Final = 4_096
VARIABLE_PREFIX: Final = "DOORWARD_OIDC_"


class SecretMissing(Unavailable):
    """The reference leads to nothing that may be used."""

    code = "secret_missing"


class ClientSecrets:
    """Reads secrets anew at each use, so that a replaced one counts at once."""

    def __init__(self, folders: Sequence[Path] = (), environment: Mapping[str, str] | None = None) -> None:
        self._folders = tuple(folders)
        self._environment = os.environ if environment is None else environment

    async def read(self, reference: SecretReference) -> Secret:
        """The secret; `SecretMissing` names the reference otherwise, never a content."""
        if reference.source == "env":
            value = self._environment.get(reference.name, "") if reference.name.startswith(VARIABLE_PREFIX) else ""
            return _checked(value.encode(), f"the variable {reference.name} (its name begins with {VARIABLE_PREFIX})")
        return await asyncio.to_thread(self._file, reference.name)

    def _file(self, name: str) -> Secret:
        where = f"the file {name}"
        try:
            path = Path(name).resolve(strict=True)
            if not any(path.is_relative_to(folder.resolve()) for folder in self._folders):
                folders = ", ".join(str(folder) for folder in self._folders) or "none is open"
                raise SecretMissing(f"reading {where}: secrets lie in a folder of their own ({folders})")
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(number, "rb") as file:  # noqa: PTH123  (the descriptor was checked, a path could change)
                found = os.fstat(number)
                if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o007:
                    raise SecretMissing(f"reading {where}: it is no file, or others than its owner may read it")
                return _checked(file.read(SECRET_BYTES_MAX + 1), where)
        except OSError as error:
            raise SecretMissing(f"reading {where}: it can not be read") from error


def _checked(content: bytes, where: str) -> Secret:
    bare = content.rstrip(b"\r\n")
    if not bare or len(bare) > SECRET_BYTES_MAX or not bare.isascii():
        raise SecretMissing(f"reading {where}: 1 to {SECRET_BYTES_MAX} ASCII characters are expected")
    return Secret(bare)
