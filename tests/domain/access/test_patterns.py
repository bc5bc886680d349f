"""Patterns match whole texts, globs know only the star, and literals inside stay literals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.base.errors import Invalid
from doorward.domain.access.patterns import (
    PATTERN_BYTES_MAX,
    check_pattern,
    check_pattern_around,
    compile_pattern,
    compile_pattern_around,
)


def matches(pattern: str, value: str, *, deny: bool = False) -> bool:
    return compile_pattern(pattern, deny=deny).matches(value)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("prod", "prod", True),
        ("prod", "production", False),
        ("a.b", "aXb", False),
        ("a?b", "a?b", True),
        ("a?b", "b", False),
        ("[ab]", "a", False),
        ("prod*", "prod", True),
        ("*-eu-*", "prod-eu-1", True),
        ("^prod$", "prod", True),
        ("^prod$", "prod\n", False),
        ("^prod", "prod", False),
        ("^prod", "^prod", True),
        ("^(us|eu)-[0-9]+$", "eu-10", True),
        ("^(us|eu)-[0-9]+$", "eu-10x", False),
        ("^[a|b]$", "|", True),
        ("^a\\|b$", "a|b", True),
        ("^[]|]$", "|", True),
        ("^[^]|]$", "x", True),
        ("^[[:alpha:]|]+$", "a|b", True),
        ("^$", "", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_pattern_matches_the_whole_value(pattern: str, value: str, expected: bool) -> None:
    check_pattern(pattern)
    assert matches(pattern, value) is expected
    assert matches(pattern, value) is expected  # and again, from memory


@pytest.mark.parametrize("pattern", ["^a|b$", "^(a)|b$", "^a|(b|c)$", "^|$", "^[a]|b$", "^\\\\|b$"])
def test_trap_ungrouped_alternation_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match="alternation"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["^($", "^[a$", "^a{2,1}$", "^(?=a)b$", "^\\Qa|b\\E$", "^(a{1000}){1000}$", "^\ud800$"]
)
def test_a_broken_or_hungry_regular_expression_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        check_pattern(pattern)


def test_an_overlong_pattern_is_refused() -> None:
    with pytest.raises(Invalid):
        check_pattern("a" * (PATTERN_BYTES_MAX + 1))


def test_catastrophic_backtracking_does_not_happen() -> None:
    assert not matches("^(a+)+$", "a" * 5000 + "!")


def test_line_breaks_get_the_stricter_answer_of_each_side() -> None:
    assert not matches("a*", "a\nb")
    assert matches("a*", "a\nb", deny=True)


@pytest.mark.parametrize(("prefix", "suffix"), [("^[", "]$"), ("^\\", "$"), ("^[^", "]$"), ("^(", "|x$"), ("^a|", "$")])
def test_a_template_stands_only_where_a_literal_can(prefix: str, suffix: str) -> None:
    with pytest.raises(Invalid):
        check_pattern_around(prefix, suffix)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab.*^$|()[]\\{}?+-\n", max_size=8), st.text(alphabet="ab.*^$|()[]\\{}?+-\n", max_size=8))
def test_a_literal_matches_itself_and_nothing_else(literal: str, other: str) -> None:
    for prefix, suffix in (("", ""), ("p-", ""), ("^p-", "$"), ("^(x|", ")$"), ("p*", "")):
        pattern = compile_pattern_around(prefix, literal, suffix, deny=False)
        start = {"^p-": "p-", "^(x|": "", "p*": "p"}.get(prefix, prefix)
        assert pattern.matches(f"{start}{literal}")
        if other != literal and not other.endswith(literal) and other != "x":
            assert not pattern.matches(f"{start}{other}")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_noise_is_a_pattern_or_invalid(text: str) -> None:
    try:
        check_pattern(text)
    except Invalid:
        return
    matches(text, text)
    matches(text, "")
