"""Canonical JSON (RFC 8785), for the values that an audit leaf may hold.

Two parties that agree on a value agree on its bytes, so that a hash over them can be checked by anyone. Fractions do
not occur: times are integer microseconds, sizes are integers. Integers beyond 2**53 - 1 are refused, because RFC 8785
numbers are IEEE 754 doubles and another implementation would read a different number.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from doorward.base.errors import Invalid

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 16  # no event needs more; a deeper value is a mistake or an attack on the recursion

_ALLOWED: Final = "null, true, false, integers, strings, lists and objects"

Value = None | bool | int | str | Sequence["Value"] | Mapping[str, "Value"]


class NotCanonical(Invalid):
    """The value has no canonical form here."""

    code = "not_canonical"


# Escapes exactly what RFC 8785 section 3.2.2.2 asks for: the quote, the backslash and C0 controls, short forms first,
# `\\u00xx` in lower case otherwise; everything else stands as it is.
_quoted: Final = json.encoder.encode_basestring


def canonical(value: Value) -> bytes:
    """The RFC 8785 bytes of `value`; `NotCanonical` for fractions, huge integers, lone surrogates and odd types."""
    try:
        return canonical_text(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("encoding canonical json: a string holds half a surrogate pair") from error


def canonical_text(value: object, depth_left: int = DEPTH_MAX) -> str:
    """The same before it becomes UTF-8, for those who put larger objects together from canonical parts."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonical("encoding canonical json: an integer does not fit a double exactly")
        return int.__repr__(value)
    if depth_left == 0:
        raise NotCanonical(f"encoding canonical json: nested deeper than {DEPTH_MAX}")
    if isinstance(value, list | tuple):
        return f"[{','.join([canonical_text(item, depth_left - 1) for item in value])}]"
    if isinstance(value, Mapping):
        return _object(value, depth_left)
    raise NotCanonical(f"encoding canonical json: only {_ALLOWED} have a form here")


def _object(value: Mapping[object, object], depth_left: int) -> str:
    names: list[str] = []
    plain = True
    for name in value:
        if not isinstance(name, str):
            raise NotCanonical("encoding canonical json: the names in an object are strings")
        plain = plain and name.isascii()
        names.append(name)
    # RFC 8785 3.2.3 sorts by UTF-16 code units, which differs from code points above U+FFFF.
    names.sort(key=None if plain else _utf16)
    inside = ",".join([f"{_quoted(name)}:{canonical_text(value[name], depth_left - 1)}" for name in names])
    return f"{{{inside}}}"


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")
