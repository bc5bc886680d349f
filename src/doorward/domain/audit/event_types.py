"""What a type of event is: a stable code, a name in the past tense, and fields of which each is classed.

The class of a field says what becomes of its value. `public` stands in the leaf as it is and may leave the house.
`sensitive` and `secret` stand in the leaf as a salted hash, with the value beside it, so that a person can be erased
and the log still verifies; exports leave `secret` out altogether. A field that nobody classed counts as `secret`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIELD_BYTES_MAX: Final = 4096  # a longer public or hashed value stands by its digest and length
LEAF_BYTES_MAX: Final = 65_535
# What a leaf holds beside its public values: ids, code, type, names of fields, and 64 hex digits for each hash.
LEAF_FRAME_BYTES_MAX: Final = 4096
FIELDS_MAX: Final = 24  # a name, a hash and their punctuation take 104 bytes: 24 of them and the ids fit the frame

HAPPENED: Final = "happened_micros"
"""When a thing happened that its gateway could tell only later, as the gateway says and the authority bounds it."""

_CODE: Final = re.compile(r"DW[1-9][0-9]{3}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*", re.ASCII)
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class FieldClass(StrEnum):
    """Who may see a field's value."""

    PUBLIC = "public"
    SENSITIVE = "sensitive"
    SECRET = "secret"  # noqa: S105  (the name of a class, not a secret)


class Shape(StrEnum):
    """What a field's value looks like."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"


_SHAPES: Final[Mapping[Shape, tuple[type, ...]]] = {
    Shape.TEXT: (str,),
    Shape.INTEGER: (int,),
    Shape.BOOLEAN: (bool,),
    Shape.LIST: (list, tuple),
    Shape.OBJECT: (dict,),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one type of event. `required` fields carry the event's meaning and are never left out."""

    name: str
    shape: Shape = Shape.TEXT
    field_class: FieldClass = FieldClass.SECRET
    required: bool = False
    bytes_max: int = FIELD_BYTES_MAX

    def admits(self, value: object) -> bool:
        """Whether `value` has this field's shape; nothing else is checked here."""
        if isinstance(value, bool):
            return self.shape is Shape.BOOLEAN
        return isinstance(value, _SHAPES[self.shape])

    @property
    def is_hashed(self) -> bool:
        """Whether the leaf holds a salted hash instead of the value."""
        return self.field_class is not FieldClass.PUBLIC


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry of the catalogue. `from_gateway`: a gateway may report it; every other is the authority's own."""

    code: str
    name: str
    meaning: str
    fields: tuple[Field, ...] = ()
    from_gateway: bool = False

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.code) is None or _NAME.fullmatch(self.name) is None:
            raise ValueError(f"an event type is named like DW1001 and user.signed_in, not {self.code} {self.name}")
        names = [field.name for field in self.fields]
        if (
            len(names) > FIELDS_MAX
            or len(set(names)) != len(names)
            or any(_FIELD.fullmatch(name) is None for name in names)
        ):
            raise ValueError(f"the fields of {self.name} are few and have distinct plain names")
        if self.leaf_bytes_max > LEAF_BYTES_MAX:
            raise ValueError(f"a leaf of {self.name} could be longer than {LEAF_BYTES_MAX} bytes")

    @property
    def leaf_bytes_max(self) -> int:
        """How long a leaf of this type can become: why no leaf ever has to be refused for its length."""
        return LEAF_FRAME_BYTES_MAX + sum(field.bytes_max for field in self.fields if not field.is_hashed)

    def field(self, name: str) -> Field | None:
        """The field of that name, or none."""
        for field in self.fields:
            if field.name == name:
                return field
        return None


def public(*names: str, shape: Shape = Shape.TEXT, required: bool = False) -> Sequence[Field]:
    """Fields that stand in the leaf as they are: what happened, in our own words and numbers."""
    return tuple(Field(name, shape, FieldClass.PUBLIC, required) for name in names)


def sensitive(
    *names: str, shape: Shape = Shape.TEXT, required: bool = False, bytes_max: int = FIELD_BYTES_MAX
) -> Sequence[Field]:
    """Fields about a person, or in a person's words: names, addresses, commands, reasons."""
    return tuple(Field(name, shape, FieldClass.SENSITIVE, required, bytes_max) for name in names)


def event_type(code: str, name: str, meaning: str, *fields: Sequence[Field], from_gateway: bool = False) -> EventType:
    """An entry of the catalogue, from groups of fields. What gateways report may have happened before it is told."""
    if from_gateway:
        fields = (*fields, public(HAPPENED, shape=Shape.INTEGER))
    return EventType(code, name, meaning, tuple(field for group in fields for field in group), from_gateway)
