"""The master key of those by which gateways prove whose connections they pass on; no gateway ever holds it.

It stays the same when the authority starts again, so that gateways go on. It is in no backup, and made anew without
harm: gateways ask for theirs every half minute.
"""

from typing import Final

from doorward.base.entropy import Entropy, SystemEntropy
from doorward.main.layout import Layout
from doorward.main.settings import BadSettings
from doorward.stores.keys.private_files import read_private_file, write_private_file

KEY_BYTES: Final = 32


def read_splice_master(layout: Layout, entropy: Entropy | None = None) -> bytes:
    """The key, made when there is none; `BadSettings` when the file is none of ours."""
    if not layout.splice_key.exists():
        write_private_file(layout.splice_key, (entropy or SystemEntropy()).token(KEY_BYTES), may_replace=False)
    key = read_private_file(layout.splice_key)
    if len(key) != KEY_BYTES:
        raise BadSettings(
            f"reading {layout.splice_key}: {KEY_BYTES} bytes are expected; remove it to have a new one made"
        )
    return key
