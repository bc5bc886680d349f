"""What each of the smaller kinds accepts and refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doorward.domain.kinds.oidc_connector import SecretReference
from doorward.domain.kinds.positioned import InvalidDocuments
from doorward.domain.kinds.registry import load_body, parse_documents

CONNECTOR: dict[str, Any] = {"issuer": "https://id.example.com", "client_id": "doorward"}


def load(kind: str, spec: dict[str, Any], **metadata: Any) -> Any:
    return load_body(kind, {"kind": kind, "version": "v1", "metadata": {"name": "x"} | metadata, "spec": spec})


def refused(kind: str, spec: dict[str, Any], **metadata: Any) -> set[str]:
    with pytest.raises(InvalidDocuments) as caught:
        load(kind, spec, **metadata)
    return {problem.field for problem in caught.value.problems}


def test_user_has_roles_traits_and_may_be_disabled() -> None:
    user = load(
        "user", {"roles": ["access", "dev"], "traits": {"logins": ["alice"], "full name": ["A. L."]}, "disabled": True}
    )
    assert user.roles == ("access", "dev")
    assert user.traits == {"logins": ("alice",), "full name": ("A. L.",)}
    assert user.disabled


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"roles": ["Dev"]}, "spec.roles[0]"),
        ({"roles": ["dev", "dev"]}, "spec.roles[1]"),
        ({"roles": "dev"}, "spec.roles"),
        ({"roles": ["r"] * 101}, "spec.roles"),
        ({"traits": {"logins": "alice"}}, "spec.traits.logins"),
        ({"traits": {"x": [True]}}, "spec.traits.x[0]"),
        ({"traits": {"x": [""]}}, "spec.traits.x[0]"),
        ({"traits": {"x": ["a\u202eb"]}}, "spec.traits.x[0]"),
        ({"traits": {"x": ["a" * 257]}}, "spec.traits.x[0]"),
        ({"traits": {"\u202e": ["a"]}}, "spec.traits.\u202e"),
        ({"traits": {f"t{n}": ["a"] for n in range(101)}}, "spec.traits"),
        ({"disabled": "yes"}, "spec.disabled"),
        ({"password": "x"}, "spec.password"),
    ],
)
def test_a_wrong_user_is_refused(spec: dict[str, Any], field: str) -> None:
    assert field in refused("user", spec)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("10.0.0.1:22", "10.0.0.1", 22),
        ("web.example.com:2222", "web.example.com", 2222),
        ("[2001:db8::1]:22", "[2001:db8::1]", 22),
    ],
)
def test_node_has_an_address(address: str, host: str, port: int) -> None:
    node = load("node", {"address": address}, labels={"env": "prod", "example.com/tier": ""})
    assert (node.host, node.port, node.address) == (host, port, address)
    assert node.labels == {"env": "prod", "example.com/tier": ""}


@pytest.mark.parametrize(
    "address",
    [
        "web",
        "web:",
        ":22",
        "web:0",
        "web:65536",
        "web:+22",
        "web:２２",
        "we b:22",
        "-o:22",
        "a..b:22",
        "2001:db8::1:22",
        "x@y:22",
        "web:22\n",
    ],
)
def test_a_wrong_address_is_refused(address: str) -> None:
    assert refused("node", {"address": address}) == {"spec.address"}


@pytest.mark.parametrize("name", ["Web", "web_1", "-web", "web-", "web.example", "a" * 64, "", "wéb"])
def test_a_wrong_node_name_is_refused(name: str) -> None:
    assert "metadata.name" in refused("node", {"address": "h:22"}, name=name)


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        ({"reported/os": "linux"}, "metadata.labels.reported/os"),
        ({"*": "x"}, "metadata.labels.*"),
        ({"env": "prod\n"}, "metadata.labels.env"),
        ({"env": "a\u200bb"}, "metadata.labels.env"),
        ({"env": ["prod"]}, "metadata.labels.env"),
        ({"env": True}, "metadata.labels.env"),
        ({"env": "x" * 257}, "metadata.labels.env"),
        ({f"k{n}": "v" for n in range(101)}, "metadata.labels"),
    ],
)
def test_wrong_labels_are_refused(labels: dict[str, Any], field: str) -> None:
    assert field in refused("node", {"address": "h:22"}, labels=labels)


def test_lock_names_one_or_several_things_and_may_end() -> None:
    lock = load(
        "lock",
        {"target": {"user": "alice", "login": "root"}, "message": "stop", "expires": "2026-01-01T01:00:00+01:00"},
    )
    assert dict(lock.target) == {"user": "alice", "login": "root"}
    assert lock.expires == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.target"),
        ({"target": {}}, "spec.target"),
        ({"target": {"planet": "mars"}}, "spec.target.planet"),
        ({"target": {"user": ""}}, "spec.target.user"),
        ({"target": {"user": ["alice"]}}, "spec.target.user"),
        ({"target": {"user": "alice"}, "expires": "tomorrow"}, "spec.expires"),
        ({"target": {"user": "alice"}, "expires": "2026-01-01T00:00:00"}, "spec.expires"),
        ({"target": {"user": "alice"}, "expires": "2026-02-30T00:00:00Z"}, "spec.expires"),
        ({"target": {"user": "alice"}, "expires": 1767225600}, "spec.expires"),
        ({"target": {"user": "alice"}, "message": "a\x1b[31m"}, "spec.message"),
        ({"target": {"user": "alice"}, "message": "x" * 513}, "spec.message"),
        ({"target": {"device": "laptop-7"}}, "spec.target.device"),
        ({"target": {"bot": "deployer"}}, "spec.target.bot"),
        ({"target": {"user": "bob", "request": "x"}}, "spec.target.request"),
    ],
)
def test_a_wrong_lock_is_refused(spec: dict[str, Any], field: str) -> None:
    assert field in refused("lock", spec)


def test_connector_has_defaults_that_are_short() -> None:
    connector = load("oidc_connector", CONNECTOR)
    assert connector.max_sign_in == timedelta(hours=8)
    assert connector.claims_max_age == timedelta(hours=1)
    assert connector.client_secret is None
    assert connector.groups_to_roles == {}


def test_connector_maps_groups_and_claims_and_points_at_its_secret() -> None:
    connector = load(
        "oidc_connector",
        CONNECTOR
        | {
            "client_secret": {"env": "OIDC_SECRET"},
            "groups_claim": "groups",
            "groups_to_roles": {"/ops": ["operator", "access"]},
            "claims_to_traits": {"preferred_username": "logins"},
            "max_sign_in": "4h",
        },
    )
    assert connector.client_secret == SecretReference("env", "OIDC_SECRET")
    assert connector.groups_to_roles == {"/ops": ("operator", "access")}
    assert connector.claims_to_traits == {"preferred_username": "logins"}
    assert connector.max_sign_in == timedelta(hours=4)


def test_a_device_flow_is_on_and_networks_are_open_only_where_it_is_said() -> None:
    plain = load("oidc_connector", CONNECTOR)
    assert (plain.device_flow, plain.networks) == (False, ())
    open_ones = ["10.1.0.0/16", "fd00:1::/32"]
    connector = load("oidc_connector", CONNECTOR | {"device_flow": True, "networks": open_ones})
    assert connector.device_flow
    assert [str(network) for network in connector.networks] == open_ones


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:9000/op", "http://localhost:1", "http://[::1]:9", "https://id.example.com/realms/a"]
)
def test_an_issuer_is_https_or_on_the_loopback_address(issuer: str) -> None:
    assert load("oidc_connector", CONNECTOR | {"issuer": issuer}).issuer == issuer


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": "http://id.example.com"}, "spec.issuer"),
        ({"issuer": "https://user@id.example.com"}, "spec.issuer"),
        ({"issuer": "https://id.example.com/?x"}, "spec.issuer"),
        ({"issuer": "https://id.example.com/#x"}, "spec.issuer"),
        ({"issuer": "https://id.example.com:99999"}, "spec.issuer"),
        ({"issuer": "https://"}, "spec.issuer"),
        ({"issuer": "ftp://id.example.com"}, "spec.issuer"),
        ({"issuer": "https://id.example.com/a b"}, "spec.issuer"),
        ({"client_id": ""}, "spec.client_id"),
        ({"client_secret": "hunter2"}, "spec.client_secret"),
        ({"client_secret": {"value": "hunter2"}}, "spec.client_secret"),
        ({"client_secret": {"file": "/a", "env": "B"}}, "spec.client_secret"),
        ({"client_secret": {"file": "relative"}}, "spec.client_secret.file"),
        ({"client_secret": {"env": "A B"}}, "spec.client_secret.env"),
        ({"scopes": ["email"]}, "spec.scopes"),
        ({"scopes": ["openid", "a b"]}, "spec.scopes[1]"),
        ({"groups_to_roles": {"ops": ["operator"]}}, "spec.groups_claim"),
        ({"groups_claim": "g", "groups_to_roles": {"ops": ["Bad Role"]}}, "spec.groups_to_roles.ops[0]"),
        ({"claims_to_traits": {"sub": ""}}, "spec.claims_to_traits.sub"),
        ({"max_sign_in": "25h"}, "spec.max_sign_in"),
        ({"claims_max_age": "25h"}, "spec.claims_max_age"),
        ({"claims_max_age": "0"}, "spec.claims_max_age"),
        ({"issuer": "https://id.example.com/" + "x" * 500}, "spec.issuer"),
        ({"device_flow": "yes"}, "spec.device_flow"),
        ({"networks": ["10.0.0.1/8"]}, "spec.networks[0]"),
        ({"networks": ["everywhere"]}, "spec.networks[0]"),
        ({"networks": "10.0.0.0/8"}, "spec.networks"),
    ],
)
def test_a_wrong_connector_is_refused(change: dict[str, Any], field: str) -> None:
    assert field in refused("oidc_connector", CONNECTOR | change)


def test_an_inline_secret_does_not_appear_in_the_problem() -> None:
    head = "kind: oidc_connector\nversion: v1\nmetadata: {name: x}\n"
    text = head + "spec: {issuer: 'https://a.b', client_id: c, client_secret: hunter2}\n"
    with pytest.raises(InvalidDocuments) as caught:
        parse_documents(text, "f.yaml")
    assert "hunter2" not in str(caught.value) + "".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("user", {"roles": ["access"]}),
        ("node", {"address": "192.0.2.1:22"}),
        ("lock", {"target": {"user": "bob"}}),
        ("oidc_connector", CONNECTOR),
    ],
)
def test_nothing_is_named_like_an_id(kind: str, spec: dict[str, Any]) -> None:
    for name in ("a" * 26, "abcdefghijklmnopqrstuvwx27"):
        assert refused(kind, spec, name=name) == {"metadata.name"}
    for name in ("a" * 25, "a" * 27, "a" * 25 + "1"):
        load(kind, spec, name=name)
