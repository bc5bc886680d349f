"""Templates take traits apart as written, or are refused when read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.base.errors import Invalid
from doorward.domain.access.templates import VALUES_MAX, Values, parse_template, trait_values


def filled(text: str, **traits: tuple[str, ...]) -> Values:
    template = parse_template(text)
    assert template is not None
    return trait_values(template, traits)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{{external.teams}}", ("web-core", "data")),
        ('{{external["teams"]}}', ("web-core", "data")),
        ("{{ internal.logins }}", ("alice",)),
        ("dev-{{external.teams}}-x", ("web-core", "data")),
        ("{{email.local(external.mail)}}", ("alice",)),
        ('{{regexp.replace(external.teams, "^web-(.*)$", "$1")}}', ("core",)),
        ('{{regexp.replace(external.teams, "^(?P<a>w)eb-(.*)$", "${a}.$2$$")}}', ("w.core$",)),
        ('{{regexp.replace(email.local(external.mail), "^(.).*$", "$1")}}', ("a",)),
        ('{{regexp.replace(external.teams, "^[a-z]{4}$", "four")}}', ("four",)),
    ],
)
def test_template_gives_the_values(text: str, values: tuple[str, ...]) -> None:
    found = filled(text, teams=("web-core", "data"), logins=("alice",), mail=("alice@example.com",))
    assert found == Values(values, None)


@pytest.mark.parametrize(
    "text",
    [
        "{{}}",
        "{{external}}",
        "{{external.}}",
        "{{external.a.b}}",
        "{{other.x}}",
        "{{internal.whatever}}",
        "{{external.a}}{{external.b}}",
        "{{external.a",
        "external.a}}",
        "{x}{{external.a}}",
        '{{external[""]}}',
        "{{external[x]}}",
        "{{email.local()}}",
        "{{email.local(external.a, external.b)}}",
        "{{email.local(" * 6 + "external.a" + ")" * 6 + "}}",
        "{{email.host(external.a)}}",
        '{{regexp.replace(external.a, "^($", "x")}}',
        '{{regexp.replace(external.a, "^a|b$", "$1")}}',
        '{{regexp.replace(external.a, "a", "$")}}',
        '{{regexp.replace(external.a, "a", "$1")}}',
        '{{regexp.replace("a", "b", "c")}}',
        "{{" + "x" * 2000 + "}}",
        "{{email.local(}}",
        "{{regexp.replace(external.a,}}",
    ],
)
def test_a_broken_template_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_template(text)


@pytest.mark.parametrize("text", ["plain", "^a{2}$", "{", "}", ""])
def test_text_without_a_template_has_none(text: str) -> None:
    assert parse_template(text) is None


def test_missing_and_empty_traits_say_so() -> None:
    assert filled("{{external.x}}") == Values((), "the trait x is missing")
    assert filled("{{external.x}}", x=()).failure == "the trait x is missing"
    assert filled("{{external.x}}", x=("",)).failure is not None


def test_a_value_that_is_no_address_is_a_failure_beside_the_good_ones() -> None:
    found = filled("{{email.local(external.x)}}", x=("a@b.example", "nothing", "Bo <bo@b.example>", "a <b@c", "a@b@c"))
    assert found.values == ("a", "bo")
    assert found.failure is not None


def test_a_replacement_that_nothing_matches_is_a_failure() -> None:
    assert filled('{{regexp.replace(external.x, "^z$", "y")}}', x=("a",)).failure is not None


def test_a_flood_of_values_is_a_failure() -> None:
    assert filled("{{external.x}}", x=tuple(map(str, range(VALUES_MAX + 1)))) == Values(
        (), f"the trait x has more than {VALUES_MAX} values"
    )


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=40), st.text(alphabet='{}externalinternal.[]()"$ ,`\\', max_size=40)),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
def test_noise_is_a_template_or_none_or_invalid(text: str, values: tuple[str, ...]) -> None:
    for written in (text, "{{" + text + "}}", "{{external." + text):
        try:
            template = parse_template(written)
        except Invalid:
            continue
        if template is not None:
            trait_values(template, {template.trait: values})
