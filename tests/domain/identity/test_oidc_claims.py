"""What claims become: mapped groups give roles, nothing else does; a name to show is plain and its own."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.clock import EPOCH
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.identity.oidc_claims import (
    GROUPS_MAX,
    NAME_CLAIMS,
    NAMELESS,
    claimed,
    claims_wanted,
    name_of,
    unique_name,
)
from doorward.domain.identity.oidc_sign_in import ROUND, claims_times, length_of
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_MAX
from doorward.domain.kinds.names import plain_name
from doorward.domain.kinds.oidc_connector import SIGN_IN_MAX, OidcConnector
from doorward.domain.kinds.registry import dump, load_body
from doorward.domain.kinds.user import User

CONNECTOR = OidcConnector(
    "corp",
    "https://id.example",
    "doorward",
    groups_claim="groups",
    groups_to_roles={"eng": ("ops",), "lead": ("ops", "admin")},
    claims_to_traits={"department": "team", "teams": "team", "mail": "email"},
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
claim_names = st.sampled_from(
    ["groups", "department", "teams", "mail", "preferred_username", "email", "name", "nickname", "Groups"]
)
any_claims = st.dictionaries(claim_names | st.text(max_size=10), json_values, max_size=8)


@given(claims=any_claims)
def test_a_missing_groups_claim_never_gives_a_role(claims: dict[str, Any]) -> None:
    claims.pop("groups", None)
    assert claimed(CONNECTOR, claims).roles == ()


@given(claims=any_claims, groups=st.lists(st.sampled_from(["eng", "lead", "other", "ENG", "eng ", ""]), max_size=6))
def test_roles_are_exactly_those_of_the_mapped_groups(claims: dict[str, Any], groups: list[str]) -> None:
    wanted = {role for group in groups for role in CONNECTOR.groups_to_roles.get(group, ())}
    assert set(claimed(CONNECTOR, {**claims, "groups": groups}).roles) == wanted


@given(groups=json_values.filter(lambda value: not isinstance(value, list)))
def test_a_groups_claim_that_is_no_list_gives_nothing(groups: Any) -> None:
    assert claimed(CONNECTOR, {"groups": groups}).roles == ()


@given(claims=any_claims)
def test_whatever_the_claims_what_comes_of_them_is_a_user_that_can_be_kept(claims: dict[str, Any]) -> None:
    got = claimed(CONNECTOR, claims)
    user = User(plain_name(name_of(claims)), got.roles, got.traits)
    assert load_body("user", dump(user)) == user


def test_a_connector_without_a_groups_claim_gives_no_roles() -> None:
    silent = OidcConnector("corp", "https://id.example", "doorward", groups_to_roles={"eng": ("ops",)})
    assert claimed(silent, {"": ["eng"], "groups": ["eng"]}).roles == ()


def test_more_groups_than_anyone_has_give_nothing() -> None:
    assert claimed(CONNECTOR, {"groups": ["eng"] * (GROUPS_MAX + 1)}).roles == ()


def test_groups_count_to_the_letter() -> None:
    assert claimed(CONNECTOR, {"groups": ["ENG", "eng ", " eng", 7, None, ["eng"]]}).roles == ()


def test_several_claims_may_fill_one_trait_and_only_plain_texts_do() -> None:
    got = claimed(CONNECTOR, {"department": "a", "teams": ["b", "a", 7, "x\u202ey", "", "z" * 257], "mail": {"x": 1}})
    assert got.traits == {"team": ("a", "b")}


def test_the_claims_that_maps_look_at() -> None:
    assert claims_wanted(CONNECTOR) == {"groups", "department", "teams", "mail"}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "Bob"}, "bob"),
        ({"preferred_username": "CORP\\bob"}, "corp-bob"),
        ({"preferred_username": "bob@corp.example"}, "bob-corp.example"),
        ({"email": "bob@corp.example"}, "bob"),
        ({"name": "Zoë  Ärger-O'Neil"}, "zoe-arger-o-neil"),
        ({"preferred_username": "аdmin"}, "dmin"),  # a Cyrillic letter is no letter here
        ({"preferred_username": "ａｄｍｉｎ"}, "admin"),
        ({"preferred_username": "..", "name": "x"}, "x"),
        ({"preferred_username": "李"}, "user"),
        ({"preferred_username": 7, "name": ["bob"]}, "user"),
        ({"preferred_username": "b" * 400}, "b" * 48),
        ({}, "user"),
    ],
)
def test_names_are_plain(claims: dict[str, Any], name: str) -> None:
    assert name_of(claims) == name


def test_a_taken_name_gets_a_number_and_in_the_end_an_id() -> None:
    fallback = new_id(SeededEntropy(1))
    assert unique_name("bob", {"bob", "bob-2"}.__contains__, fallback) == "bob-3"
    assert unique_name("bob", lambda name: name.startswith("bob"), fallback) == f"user-{fallback}"
    assert plain_name(f"user-{fallback}")


def test_a_sign_in_is_no_longer_than_a_day_nor_than_claims_that_can_not_be_refreshed() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert SIGN_IN_MAX == SIGN_IN_LENGTH_MAX == day  # what may be asked for is what is honoured
    assert length_of(OidcConnector("c", "", "", max_sign_in=7 * day), refreshable=True) == day
    assert length_of(OidcConnector("c", "", ""), refreshable=True) == 8 * hour
    assert length_of(OidcConnector("c", "", ""), refreshable=False) == hour
    assert length_of(OidcConnector("c", "", "", max_sign_in=hour / 2), refreshable=False) == hour / 2


def test_claims_are_asked_for_again_from_half_their_age_on_and_never_older() -> None:
    start = EPOCH
    assert claims_times(CONNECTOR, start) == (start + timedelta(minutes=30), start + timedelta(hours=1) - ROUND)


def test_name_that_is_shaped_like_an_id_is_passed_over() -> None:
    assert name_of({NAME_CLAIMS[0]: "a" * 26, NAME_CLAIMS[1]: "bob"}) == "bob"
    assert name_of({NAME_CLAIMS[0]: "a" * 26}) == NAMELESS
