"""The open keys of one directory, and how a rotation changes them: each change is one file, written or removed.

A switch writes the new key's file alone: it says that the key signs and in whose place. So there is no instant at which
no key signs or two do, whatever crashes, and a copy that is made meanwhile holds the one or the other.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from doorward.base.entropy import Entropy
from doorward.base.errors import Unavailable
from doorward.base.ids import InstallationId, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.signer.ports import HeldKey, HeldSealingKey
from doorward.stores.keys.creation import new_ed25519_key, private_bytes
from doorward.stores.keys.private_files import remove_private_file, write_private_file
from doorward.stores.keys.sealed_file import KeyBody, KeyName, seal_key


class KeysNotWritten(Unavailable):
    """The directory of keys can not be written; what it holds is as before."""

    code = "keys_not_written"


class FileKeyRing:
    """`KeyRing` of `signer.ports`."""

    def __init__(
        self,
        directory: Path,
        kek: Secret,
        installation_id: InstallationId,
        *,
        signing_keys: Sequence[HeldKey],
        sealing_keys: Sequence[HeldSealingKey],
        entropy: Entropy,
    ) -> None:
        self._directory = directory
        self._kek = kek
        self._entropy = entropy
        self._signing = tuple(signing_keys)
        self.installation_id = installation_id
        self.sealing_keys: Sequence[HeldSealingKey] = tuple(sealing_keys)

    @property
    def signing_keys(self) -> Sequence[HeldKey]:
        """As they stand after the last change."""
        return self._signing

    def add_next(self, purpose: Purpose, since: int) -> None:
        """Write a key that signs nothing yet."""
        key = new_ed25519_key(self._entropy)
        added = HeldKey(purpose, new_id(self._entropy), KeyState.NEXT, key, since=since)
        self._write(added, may_replace=False)
        self._signing = (*self._signing, added)

    def switch(self, purpose: Purpose, since: int) -> None:
        """Write the next key as the current one, in the place of the one that is it now."""
        before, after = self._one(purpose, KeyState.CURRENT), self._one(purpose, KeyState.NEXT)
        signing = replace(after, state=KeyState.CURRENT, since=since)
        self._write(signing, replaces=before.key_id, may_replace=True)
        changed = {after.key_id: signing, before.key_id: replace(before, state=KeyState.OLD, since=since)}
        self._signing = tuple(changed.get(key.key_id, key) for key in self._signing)

    def remove_old(self, purpose: Purpose) -> None:
        """Remove the old key's file."""
        old = self._one(purpose, KeyState.OLD)
        try:
            remove_private_file(self._directory / self._name(old).file_name)
        except OSError as error:
            raise KeysNotWritten(f"removing a key: {error.strerror}") from error
        self._signing = tuple(key for key in self._signing if key.key_id != old.key_id)

    def _one(self, purpose: Purpose, state: KeyState) -> HeldKey:
        return next(key for key in self._signing if (key.purpose, key.state) == (purpose, state))

    def _name(self, key: HeldKey) -> KeyName:
        return KeyName(self.installation_id, key.purpose, key.key_id)

    def _write(self, key: HeldKey, *, replaces: str = "", may_replace: bool) -> None:
        name = self._name(key)
        body = KeyBody(key.state, private_bytes(key.private_key), key.certificate, key.since, replaces)
        sealed = seal_key(name, body, self._kek, self._entropy)
        try:
            write_private_file(self._directory / name.file_name, sealed, may_replace=may_replace)
        except OSError as error:
            raise KeysNotWritten(f"writing a key: {error.strerror}") from error
