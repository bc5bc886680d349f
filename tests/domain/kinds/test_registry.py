"""One mechanism for all kinds: the envelope, round trips, and refusals with every problem."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.base.errors import Invalid
from doorward.domain.access.locks import LOCK_FIELDS, LOCK_FIELDS_LATER, Lock
from doorward.domain.kinds.node import Node
from doorward.domain.kinds.oidc_connector import OidcConnector, SecretReference
from doorward.domain.kinds.positioned import InvalidDocuments
from doorward.domain.kinds.registry import KINDS, dump, load_body, parse_body, parse_documents, table_of
from doorward.domain.kinds.user import User

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
hosts = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20)
some_text = texts.filter(bool)
label_keys = st.from_regex(r"[a-z][a-z0-9./]{0,10}[a-z]", fullmatch=True).filter(
    lambda key: not key.startswith("reported/")
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
seconds = st.integers(60, 86_400).map(lambda count: timedelta(seconds=count))

values = st.one_of(
    st.builds(
        User,
        names,
        st.lists(names, max_size=3, unique=True).map(tuple),
        st.dictionaries(names, st.lists(some_text, max_size=3).map(tuple), max_size=2),
        st.booleans(),
        texts,
    ),
    st.builds(Node, hosts, hosts, st.integers(1, 65535), st.dictionaries(label_keys, texts, max_size=3), texts),
    st.builds(
        Lock,
        names,
        st.dictionaries(
            st.sampled_from(sorted(set(LOCK_FIELDS) - LOCK_FIELDS_LATER)), some_text, min_size=1, max_size=3
        ).map(lambda found: tuple((field, found[field]) for field in LOCK_FIELDS if field in found)),
        texts,
        st.one_of(st.none(), moments),
        texts,
    ),
    st.builds(
        OidcConnector,
        names,
        hosts.map(lambda host: f"https://{host}.example:8443/realms/x"),
        some_text,
        st.one_of(st.none(), st.just(SecretReference("env", "SECRET")), st.just(SecretReference("file", "/run/x"))),
        st.lists(st.sampled_from(("email", "groups")), unique=True).map(lambda more: ("openid", *more)),
        st.just("groups"),
        st.dictionaries(some_text, st.lists(names, max_size=2, unique=True).map(tuple), max_size=2),
        st.dictionaries(some_text, names, max_size=2),
        seconds,
        seconds,
        texts,
    ),
)


@settings(max_examples=150, deadline=None)
@given(values, st.one_of(st.none(), st.integers(0, 2**53 - 1)))
def test_values_survive_being_stored_and_being_shown(value: Any, revision: int | None) -> None:
    body = dump(value, revision)
    stored = json.loads(json.dumps(body))
    assert load_body(body["kind"], stored) == value
    declared = parse_body(stored)
    assert (declared.name, declared.revision, declared.value) == (value.name, revision, value)
    (shown,) = parse_documents(json.dumps(body, ensure_ascii=False), "f")
    assert shown.value == value


def test_no_table_without_a_kind_that_rights_are_about_or_with_one_that_they_are_not() -> None:
    kinds = tuple(KINDS.values())
    assert table_of(*kinds) == KINDS
    with pytest.raises(ValueError, match="node"):
        table_of(*(kind for kind in kinds if kind.name != "node"))
    with pytest.raises(ValueError, match="spaceship"):
        table_of(*kinds, replace(KINDS["node"], name="spaceship"))
    with pytest.raises(ValueError, match="twice"):
        table_of(*kinds, KINDS["node"])


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_empty_document_of_each_kind_is_refused_and_a_stranger_field_named(name: str) -> None:
    version = KINDS[name].versions[0]
    with pytest.raises(InvalidDocuments):
        load_body(name, {"kind": name, "version": version})
    body = {"kind": name, "version": version, "metadata": {"name": "x", "odd": 1}, "spec": {"odd": 1}, "odd": 1}
    with pytest.raises(InvalidDocuments) as caught:
        load_body(name, body)
    fields = {problem.field for problem in caught.value.problems}
    assert {"odd", "metadata.odd", "spec.odd"} <= fields


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("x: 1", "kind"),
        ("kind: rolle\nversion: v1", "kind"),
        ("kind: [role]", "kind"),
        ("kind: ''", "kind"),
        ("kind: user\nversion: ''\nmetadata: {name: x}\nspec: {}", "version"),
        ("[1, 2]", ""),
        ("just text", ""),
        ("{}", "kind"),
        ("kind: user\nmetadata: {name: x}\nspec: {}", "version"),
        ("kind: user\nversion: v1\nspec: {}", "metadata"),
        ("kind: user\nversion: v1\nmetadata: {}\nspec: {}", "metadata.name"),
        ("kind: user\nversion: v1\nmetadata: {name: X}\nspec: {}", "metadata.name"),
        ("kind: user\nversion: v1\nmetadata: {name: 'a b'}\nspec: {}", "metadata.name"),
        ("kind: user\nversion: v1\nmetadata: {name: ..}\nspec: {}", "metadata.name"),
        ("kind: user\nversion: v1\nmetadata: {name: " + "a" * 65 + "}\nspec: {}", "metadata.name"),
        ("kind: user\nversion: v1\nmetadata: {name: x, labels: {a: b}}\nspec: {}", "metadata.labels"),
        ("kind: user\nversion: v1\nmetadata: {name: x, revision: -1}\nspec: {}", "metadata.revision"),
        ("kind: user\nversion: v1\nmetadata: {name: x, revision: true}\nspec: {}", "metadata.revision"),
        ('kind: user\nversion: v1\nmetadata: {name: x, description: "a\\e[31m"}\nspec: {}', "metadata.description"),
    ],
)
def test_a_wrong_envelope_is_refused(text: str, field: str) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        parse_documents(text, "f.yaml")
    assert field in {problem.field for problem in caught.value.problems}


def test_the_same_thing_twice_in_one_input_is_refused() -> None:
    one = "kind: user\nversion: v1\nmetadata: {name: x}\nspec: {}\n"
    with pytest.raises(InvalidDocuments, match="twice"):
        parse_documents(one + "---\n" + one, "f.yaml")
    node = "kind: node\nversion: v1\nmetadata: {name: x}\nspec: {address: 'h:22'}\n"
    assert len(parse_documents(one + "---\n" + node, "f.yaml")) == 2


def test_problems_of_all_documents_are_collected() -> None:
    user = "kind: user\nversion: v1\nmetadata: {name: X}\nspec: {}\n"
    text = user + "---\nkind: node\nversion: v1\nmetadata: {name: n}\nspec: {}\n"
    with pytest.raises(InvalidDocuments) as caught:
        parse_documents(text, "f.yaml")
    assert [(problem.line, problem.field) for problem in caught.value.problems] == [
        (3, "metadata.name"),
        (9, "spec.address"),
    ]


def test_a_body_of_another_kind_is_refused() -> None:
    body = dump(User("alice"))
    with pytest.raises(Invalid):
        load_body("node", body)


@pytest.mark.parametrize("odd", [{"kind": 1.5}, {"kind": b"x"}, {1: 2}, {"kind": object()}])
def test_bodies_that_are_no_json_are_refused(odd: dict[Any, Any]) -> None:
    with pytest.raises(InvalidDocuments):
        parse_body(odd)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(sorted(KINDS))),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ("kind", "version", "metadata", "spec", "name", "allow", "node_labels", "target", "roles")
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=10,
    ),
    st.sampled_from(sorted(KINDS)),
)
def test_noise_is_a_value_or_invalid(noise: Any, kind: str) -> None:
    body = {"kind": kind, "version": KINDS[kind].versions[0], "metadata": {"name": "x"}, "spec": noise}
    for document in (noise, body, body | {"metadata": noise}):
        if isinstance(document, dict):
            try:
                parse_body(document)
            except InvalidDocuments as refusal:
                assert refusal.problems  # noqa: PT017  (either outcome is right; a refusal must say why)
