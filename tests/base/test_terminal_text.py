"""What others wrote moves no cursor and hides nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.terminal_text import LINE_CHARACTERS_MAX, for_terminal


@given(st.text(max_size=200))
def test_nothing_hidden_is_left(text: str) -> None:
    shown = for_terminal(text)
    assert not [
        one for one in shown if unicodedata.category(one)[0] == "C" or unicodedata.category(one) in {"Zl", "Zp"}
    ]
    assert shown.splitlines() in ([shown], [])


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=200))
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert for_terminal(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("c1\x9bm", "c1\\x9bm"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("Grüße 日本", "Grüße 日本"),
    ],
)
def test_shows(text: str, shown: str) -> None:
    assert for_terminal(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert for_terminal("abcdef", characters_max=3) == "abc…"
    assert len(for_terminal("x" * 10_000)) == LINE_CHARACTERS_MAX + 1
