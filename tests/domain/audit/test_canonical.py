"""Canonical JSON: the vectors of RFC 8785, and what has no form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit_events import values

from doorward.domain.audit.canonical import DEPTH_MAX, INTEGER_MAX, NotCanonical, canonical


def test_the_names_are_sorted_by_utf_16_as_in_rfc_8785_section_3_2_3() -> None:
    value = {
        "€": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "😀": "Emoji: Grinning Face",
        "\u0080": "Control",
        "ö": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_strings_are_escaped_as_in_rfc_8785_section_3_2_2_2() -> None:
    text = '€$\u000f\nA\'B"\\\\"/'
    assert canonical({"string": text}) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    assert canonical("\x7f\b\f\t\r\u2028") == b'"\x7f\\b\\f\\t\\r\xe2\x80\xa8"'


def test_literals_and_structure_have_no_spaces() -> None:
    assert canonical({"b": [None, True, False, -1, 0], "a": {}}) == b'{"a":{},"b":[null,true,false,-1,0]}'


@given(values)
def test_what_was_encoded_reads_back(value: Any) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=6), st.randoms())
def test_the_bytes_do_not_depend_on_the_order_of_names(value: dict[str, int], chance: Any) -> None:
    names = list(value)
    chance.shuffle(names)
    assert canonical({name: value[name] for name in names}) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), INTEGER_MAX + 1, -INTEGER_MAX - 1, "\ud800", {"\udfff": 1}, {1: 2}, b"x", {1, 2}, object()],
)
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_depth_is_bounded() -> None:
    value: Any = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    assert canonical(value).startswith(b"[")
    with pytest.raises(NotCanonical):
        canonical([value])
