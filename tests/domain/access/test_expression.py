"""Label expressions: Teleport's language, closed and typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.base.errors import Invalid
from doorward.domain.access.evaluation import EvaluationFailed, bind, missing_trait
from doorward.domain.access.expression import EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, parse_expression

TRAITS = {
    "projects": ("parser", "skunkworks", "algorithms"),
    "allowed-env": ("env-dev", "env-stage", "other"),
    "mail": ("alice@example.com",),
    "full": ("Alice <alice@example.com>",),
    "bad mail": ("alice",),
    "logins": ("Name",),
}
LABELS = {"env": "stage", "team": "dev-123", "project-name": "skunkworks", "project-label": "parser", "a/b": "x"}


def says(text: str, labels: dict[str, str] | None = None) -> bool:
    return bind(parse_expression(text), TRAITS)(LABELS if labels is None else labels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('labels["env"] == "stage"', True),
        ("labels[`env`] == `stage`", True),
        ('labels.env == "stage"', True),
        ('"stage" == labels.env', True),
        ("labels.env == labels.env", True),
        ('labels["a/b"] == "x"', True),
        ('labels["env"] != "prod"', True),
        ('labels["gone"] == ""', True),
        ('labels["gone"] != ""', False),
        ('labels.env == "prod" || labels.env == "stage" && labels.team != ""', True),
        ('(labels.env == "prod" || labels.env == "stage") && labels.team == ""', False),
        ('!(labels.env == "prod")', True),
        ('!!contains(user.spec.traits.projects, "parser")', True),
        ('contains(user.spec.traits["projects"], labels["project-name"])', True),
        ('contains(labels["env"], "stage")', True),
        ('contains(user.spec.traits["nothing"], labels["env"])', False),
        ('contains_any(user.spec.traits["projects"], labels_matching("project-*"))', True),
        ('contains_any(user.spec.traits["projects"], labels_matching("none-*"))', False),
        ('contains_all(user.spec.traits["projects"], labels_matching("project-*"))', True),
        ('contains_all(user.spec.traits["projects"], labels_matching("*"))', False),
        ('contains_all(user.spec.traits["projects"], labels_matching("none-*"))', False),
        ('contains(labels_matching("^project-(name|label)$"), "skunkworks")', True),
        ('regexp.match(labels["team"], "dev-*")', True),
        ('regexp.match(labels["team"], "^dev-[0-9]+$")', True),
        ('regexp.match(labels["team"], "dev")', False),
        ('contains(regexp.replace(user.spec.traits["allowed-env"], "^env-(.*)$", "$1"), labels["env"])', True),
        ('contains(regexp.replace(labels["env"], "^(.*)$", "env-$1"), "env-stage")', True),
        ('contains(email.local(user.spec.traits["mail"]), "alice")', True),
        ('contains(email.local(user.spec.traits["full"]), "alice")', True),
        ('contains(strings.lower(user.spec.traits["logins"]), "name")', True),
        ('contains(strings.upper(labels["env"]), "STAGE")', True),
        ('labels.env == "\\x73tage"', True),
    ],
)
def test_expression_says(text: str, expected: bool) -> None:
    assert says(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "labels",
        'labels["env"]',
        '"stage"',
        'user.spec.traits["x"]',
        'user.spec.traits["x"] == "y"',
        'labels["env"] == "a" == "b"',
        'contains(labels, "x")',
        'contains("x", user.spec.traits["y"])',
        'contains("x")',
        'contains(labels.env == "x", "y")',
        "contains(labels.env, labels.env, labels.env)",
        'set("a")',
        'contains(set("a"), "a")',
        'user.metadata.name == "alice"',
        'user.name == "alice"',
        "labels[env]",
        'labels["reported/os"] == "linux"',
        'labels["env"] = "x"',
        'labels["env"] == 1',
        "labels.env == 'x'",
        'labels.env == "\\d"',
        'labels.env == "\\ud800"',
        'labels.env == "x',
        '!labels["env"]',
        'labels.env == "x" && labels.env',
        "regexp.match(labels.env, labels.team)",
        'regexp.match(labels.env, "^a|b$")',
        'regexp.replace(labels.env, "a", "$1")',
        "labels_matching(labels.env)",
        'strings.title(labels.env) == "x"',
        'email.domain(labels.env) == "x"',
        'labels.env == "x" // comment',
        'labels.env == "x" )',
        'equals(labels.env, "x")',
        'labels.env == "x" and labels.env == "x"',
        "true",
        "1",
    ],
)
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_expression(text)


def test_what_nodes_report_of_themselves_matches_no_pattern_of_keys() -> None:
    assert not says('contains(labels_matching("*"), "linux")', {"reported/os": "linux"})


def test_length_and_depth_are_bounded() -> None:
    term = 'labels.a == "b"'
    parse_expression("(" * (EXPRESSION_DEPTH_MAX - 1) + term + ")" * (EXPRESSION_DEPTH_MAX - 1))
    with pytest.raises(Invalid, match="levels"):
        parse_expression("(" * EXPRESSION_DEPTH_MAX + term + ")" * EXPRESSION_DEPTH_MAX)
    with pytest.raises(Invalid, match="levels"):
        parse_expression("!" * 1000 + "(" + term + ")")
    with pytest.raises(Invalid, match="levels"):
        parse_expression("strings.upper(" * 100 + "labels.a" + ")" * 100)
    wide = " || ".join([term] * 200)
    assert len(wide) < EXPRESSION_BYTES_MAX
    assert bind(parse_expression(wide), {})({"a": "b"})
    with pytest.raises(Invalid, match="bytes"):
        parse_expression(term + " " * EXPRESSION_BYTES_MAX)


def test_a_value_that_can_not_be_worked_on_fails_when_it_is_reached() -> None:
    failing = bind(
        parse_expression('labels.env == "x" || contains(email.local(user.spec.traits["bad mail"]), "a")'), TRAITS
    )
    assert failing({"env": "x"})
    with pytest.raises(EvaluationFailed):
        failing({})


def test_the_traits_that_are_read_are_known() -> None:
    parsed = parse_expression('contains(user.spec.traits["a"], "x") && contains(user.spec.traits.b, "y")')
    assert parsed.traits == {"a", "b"}
    assert missing_trait(parsed, {"a": ("x",)}) == "b"
    assert missing_trait(parsed, {"a": ("x",), "b": ()}) == "b"
    assert missing_trait(parsed, {"a": ("x",), "b": ("y",)}) is None


fragments = st.sampled_from(
    (
        "labels",
        ".env",
        '["env"]',
        "==",
        "!=",
        "&&",
        "||",
        "!",
        "(",
        ")",
        ",",
        '"x"',
        "user.spec.traits",
        "contains",
        "regexp.match",
        " ",
        "`a`",
        "\\",
    )
)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.lists(fragments, max_size=14).map("".join)),
    st.dictionaries(st.text(), st.text()),
)
def test_noise_is_an_expression_or_invalid(text: str, labels: dict[str, str]) -> None:
    try:
        parsed = parse_expression(text)
    except Invalid:
        return
    bind(parsed, TRAITS)(labels)
