"""A value that must not be printed, logged or compared in variable time."""

import hmac
from typing import Final

_MASK: Final = "Secret(hidden)"


class Secret:
    """Holds bytes; shows nothing of them in `repr`, `str`, format strings, pickles or logs."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes | str) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves; call it as late as possible and keep no copy."""
        return self._value

    def reveal_text(self) -> str:
        """The bytes as UTF-8 text."""
        return self._value.decode()

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a secret is not a dictionary key")

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
