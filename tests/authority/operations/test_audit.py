"""Searching the log: what is unknown finds nothing, what can not be read is refused, and looking leaves a trace."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.audit import PAGE_MAX, Search, search_audit, verify_audit
from doorward.authority.operations.authorities import authorities
from doorward.authority.rights import NoRight
from doorward.base.errors import Invalid


@pytest.fixture
async def olga(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("olga", "auditor")


@pytest.fixture
async def session(lab: AuthorityLab) -> str:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    bob = await lab.signed_in("bob", "ops")
    return (await open_as(lab, bob, "dwt-root@prod-web-01")).session_id


async def types(lab: AuthorityLab, who: LabSignIn, **wanted: str) -> list[str]:
    page = await search_audit(lab.services, who.caller, Search(wanted))
    return [one.type for one in page.items]


OPENED = ["session.opened", "decision.made"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"user": "bob"},
        {"user": "BOB"},
        {"resource": "node/prod-web-01"},
        {"type": "session.opened,decision.made"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        {"user": "", "resource": "", "since": ""},
    ],
)
async def test_what_happened_is_found(lab: AuthorityLab, olga: LabSignIn, session: str, wanted: dict[str, str]) -> None:
    assert await types(lab, olga, **wanted) == OPENED


async def test_person_is_found_by_their_id_whatever_others_are_called(
    lab: AuthorityLab, olga: LabSignIn, session: str
) -> None:
    view = await lab.read(lab.services.policy.view)
    bob = view.user_names["bob"]
    shadow = {**view.user_names, bob: view.user_names["olga"]}
    shadowed = replace(view, user_names=shadow)
    assert (await lab.read(lambda tx: Search({"user": bob}).query(shadowed, tx))).user_id == bob
    assert await types(lab, olga, user=bob) == OPENED


async def test_session_is_found_by_its_id(lab: AuthorityLab, olga: LabSignIn, session: str) -> None:
    assert await types(lab, olga, session=session) == OPENED
    assert await types(lab, olga, session="a" * 26) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"user": "nobody"},
        {"user": "*"},
        {"user": "' OR 1=1 --"},
        {"resource": "node/nowhere"},
        {"resource": "node/"},
        {"resource": "nothing"},
        {"resource": "%"},
        {"until": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:01Z"},
        {"before": "0"},
    ],
)
async def test_what_is_unknown_finds_nothing(
    lab: AuthorityLab, olga: LabSignIn, session: str, wanted: dict[str, str]
) -> None:
    assert await types(lab, olga, **wanted) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"since": "yesterday"},
        {"since": "2026-01-01"},
        {"until": "2026-01-01T00:00:00"},
        {"session": "short"},
        {"type": "no.such_type"},
        {"before": "-1"},
        {"before": "١"},
        {"limit": "many"},
        {"before": "9" * 16},
    ],
)
async def test_what_can_not_be_read_is_refused(lab: AuthorityLab, olga: LabSignIn, wanted: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        await types(lab, olga, **wanted)


async def test_pages_go_on_where_the_last_one_ended(lab: AuthorityLab, olga: LabSignIn, session: str) -> None:
    first = await search_audit(lab.services, olga.caller, Search({"limit": "1"}))
    second = await search_audit(lab.services, olga.caller, Search({"limit": "1", "before": str(first.next_before)}))
    assert [one.type for one in (*first.items, *second.items)] == OPENED
    greedy = Search({"limit": "999999"})
    query = await lab.read(lambda tx: greedy.query(lab.services.policy.view(tx), tx))
    assert query.limit == PAGE_MAX


async def test_any_declared_thing_is_found_by_kind_and_name(lab: AuthorityLab, olga: LabSignIn) -> None:
    ada = await lab.signed_in("ada", "admin", "auditor")
    await lab.apply(ada, "kind: role\nversion: v8\nmetadata: {name: readers}\nspec: {}\n")
    await lab.apply(ada, "kind: lock\nversion: v1\nmetadata: {name: one}\nspec: {target: {user: nobody}}\n")
    assert await types(lab, olga, resource="role/readers") == ["resource.created"]
    assert sorted(await types(lab, olga, resource="lock/one")) == ["lock.created", "resource.created"]


def test_part_of_a_question_that_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="user"):
        Search({"login": "root"})


async def test_searching_is_in_the_log_with_what_was_asked(lab: AuthorityLab, olga: LabSignIn) -> None:
    await types(lab, olga, user="nobody")
    (noted,) = await lab.events("audit.searched")
    assert (noted.actor_id, noted.fields["query"]) == (olga.caller.user_id, {"user": "nobody"})


async def test_searching_and_verifying_need_the_right(lab: AuthorityLab) -> None:
    bob = await lab.signed_in("bob", "reviewer")
    with pytest.raises(NoRight):
        await types(lab, bob)
    with pytest.raises(NoRight):
        await verify_audit(lab.services, bob.caller)


async def test_names_of_actors_are_shown(lab: AuthorityLab, olga: LabSignIn) -> None:
    ada = await lab.signed_in("ada", "admin")
    await lab.apply(ada, OPS)
    page = await search_audit(lab.services, olga.caller, Search({"type": "resource.created"}))
    assert [one.actor for one in page.items] == ["user:ada"]


async def test_sound_log_verifies(lab: AuthorityLab, olga: LabSignIn, session: str) -> None:
    report = await verify_audit(lab.services, olga.caller)
    assert (report.ok, report.entries, report.problem) == (True, 2, "")
    assert (await lab.events("audit.verified"))[0].fields["result"] == "sound"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.dictionaries(
        st.sampled_from(["since", "until", "user", "resource", "session", "type", "before", "limit"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    )
)
async def test_any_query_is_answered_or_refused(lab: AuthorityLab, olga: LabSignIn, wanted: dict[str, str]) -> None:
    with contextlib.suppress(Invalid):
        await search_audit(lab.services, olga.caller, Search(wanted))


async def test_authorities_show_public_halves_only(lab: AuthorityLab) -> None:
    shown = await authorities(lab.services)
    assert shown.pin == lab.services.keys.pin
    assert len(shown.items) >= 8
    assert all("PRIVATE" not in one.public for one in shown.items)


async def test_refusal_names_the_user_and_a_lock_its_epoch(lab: AuthorityLab, olga: LabSignIn) -> None:
    ada = await lab.signed_in("ada", "admin")
    with pytest.raises(SessionRefused):
        await open_as(lab, ada, "root@nowhere")
    (refused,) = await lab.events("session.refused")
    assert refused.fields["user_name"] == "ada"
    await lab.apply(ada, "kind: lock\nversion: v1\nmetadata: {name: one}\nspec: {target: {user: nobody}}\n")
    (locked,) = await lab.events("lock.created")
    assert locked.fields["epoch"] == await lab.read(lambda tx: tx.revocation.current())
