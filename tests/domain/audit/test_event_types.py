"""Types of events: unclassed fields are secret, and no leaf can become too long."""

import pytest

from doorward.domain.audit.event_types import EventType, Field, FieldClass, Shape, event_type, public, sensitive


def test_an_unclassed_field_counts_as_secret() -> None:
    assert Field("note").field_class is FieldClass.SECRET
    assert Field("note").is_hashed


def test_sensitive_fields_are_hashed_and_public_ones_are_not() -> None:
    made = event_type("DW9001", "thing.happened", "x", public("a"), sensitive("b"))
    assert [field.is_hashed for field in made.fields] == [False, True]
    assert made.field("b") == Field("b", Shape.TEXT, FieldClass.SENSITIVE)
    assert made.field("c") is None


@pytest.mark.parametrize(
    ("code", "name", "fields"),
    [
        ("DW1", "thing.happened", ()),
        ("DW9001", "happened", ()),
        ("DW9001", "thing.Happened", ()),
        ("DW9001", "thing.happened", (Field("a"), Field("a"))),
        ("DW9001", "thing.happened", (Field("A"),)),
        ("DW9001", "thing.happened", (Field('a"b'),)),
        ("DW9001", "thing.happened", (Field("a", Shape.TEXT, FieldClass.PUBLIC, bytes_max=65_535),)),
    ],
)
def test_a_type_that_can_not_be_is_refused(code: str, name: str, fields: tuple[Field, ...]) -> None:
    with pytest.raises(ValueError):
        EventType(code, name, "x", fields)


def test_a_boolean_is_no_integer() -> None:
    assert not Field("n", Shape.INTEGER).admits(True)
    assert Field("n", Shape.BOOLEAN).admits(True)
    assert not Field("n", Shape.BOOLEAN).admits(1)
    assert Field("n", Shape.LIST).admits(())
