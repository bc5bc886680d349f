"""Recordings: stored by offset as often as it takes, sealed as they are, and seen by nobody without a trace."""

from typing import Any

import msgspec
import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as
from tests.support.recordings import manifest_for

from doorward.api.bodies.gateway_calls import SealRecording, SessionEnded, SessionReport
from doorward.authority.gateway_limits import GATEWAY_RECORDED, USER_RECORDED, RecordedTooMuch
from doorward.authority.jobs.leases import end_presumed
from doorward.authority.operations import recordings as recordings_module
from doorward.authority.operations.recordings import (
    append_recording,
    get_recording,
    list_recordings,
    recording_content,
    recording_proof,
    seal_recording,
)
from doorward.authority.operations.session_life import report_session
from doorward.authority.rights import NoRight
from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import SessionId, UserId
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.manifest import KindPart
from doorward.domain.recording.proof import NotProven, Proof, check_recording
from doorward.domain.sessions.states import EndReason

WHERE = "dwt-root@prod-web-01"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


@pytest.fixture
async def session(lab: AuthorityLab, bob: LabSignIn) -> str:
    return (await open_as(lab, bob, WHERE)).session_id


async def append(lab: AuthorityLab, session: str, offset: int, data: bytes) -> int:
    return (await append_recording(lab.services, lab.gateway, session, offset, data)).size_bytes


def sealing(lab: AuthorityLab, session: str, data: bytes, *, said: Any = None, **changes: Any) -> SealRecording:
    """What the lab's gateway sends; `said` differs in the manifest, `changes` around it."""
    tree = TreeDigest()
    tree.update(data)
    parts: dict[str, Any] = {"size_bytes": len(data), "digest": tree.digest(), **changes}
    ours = {"installation_id": lab.services.installation_id, "gateway_id": lab.gateway.gateway_id}
    manifest = manifest_for(session, parts["digest"], parts["size_bytes"], **{**ours, **(said or {})})
    return SealRecording(**{"manifest": msgspec.to_builtins(manifest), **parts})


async def seal(lab: AuthorityLab, session: str, data: bytes, **changes: Any) -> None:
    await seal_recording(lab.services, lab.gateway, session, sealing(lab, session, data, **changes))


async def sealed(lab: AuthorityLab, session: str, data: bytes = b"what was seen") -> None:
    await append(lab, session, 0, data)
    await seal(lab, session, data)


async def test_small_recording_comes_whole_with_its_seal(lab: AuthorityLab, session: str) -> None:
    data = b"what was seen"
    await seal(lab, session, data, content=data)
    await seal(lab, session, data, content=data)
    assert await lab.services.recordings.read(SessionId(session), 0, 100) == data
    assert len(await lab.events("recording.sealed")) == 1


async def test_seal_whose_content_is_not_what_it_says_is_refused(lab: AuthorityLab, session: str) -> None:
    with pytest.raises(Conflict):
        await seal(lab, session, b"what was seen", content=b"something else")
    assert await lab.events("recording.sealed") == []


async def read(lab: AuthorityLab, who: LabSignIn, session: str, purpose: str = "play") -> bytes:
    chunks = await recording_content(lab.services, who.caller, session, purpose)
    return b"".join([chunk async for chunk in chunks])


async def test_bytes_are_stored_by_offset_however_often_they_come(lab: AuthorityLab, session: str) -> None:
    assert await append(lab, session, 0, b"hello ") == 6
    assert await append(lab, session, 6, b"world") == 11
    assert await append(lab, session, 0, b"hello world") == 11
    assert await append(lab, session, 3, b"lo wor") == 11


async def test_empty_body_asks_how_much_is_there(lab: AuthorityLab, session: str) -> None:
    assert await append(lab, session, 0, b"") == 0
    await append(lab, session, 0, b"hello")
    assert await append(lab, session, 0, b"") == 5


async def test_gap_is_refused(lab: AuthorityLab, session: str) -> None:
    await append(lab, session, 0, b"hello")
    with pytest.raises(Conflict):
        await append(lab, session, 6, b"world")
    for offset in (-1, 2**62):
        with pytest.raises(Invalid):
            await append(lab, session, offset, b"x")


async def test_another_gateways_session_is_as_missing_as_none(lab: AuthorityLab, session: str) -> None:
    other = await lab.add_gateway("other", "other.example")
    for session_id in (session, "a" * 26):
        with pytest.raises(Missing):
            await append_recording(lab.services, other, session_id, 0, b"x")
        with pytest.raises(Missing):
            await seal_recording(lab.services, other, session_id, sealing(lab, session_id, b"x"))


async def test_user_whose_share_is_spent_holds_up_nobody_else(lab: AuthorityLab, session: str, bob: LabSignIn) -> None:
    limits, gateway_id = lab.services.gateway_limits, lab.gateway.gateway_id
    eve = (await open_as(lab, await lab.signed_in("eve", "ops"), WHERE)).session_id
    limits.take_recorded(gateway_id, bob.caller.user_id, int(USER_RECORDED.burst) - 4)
    assert await append(lab, session, 0, b"four") == 4
    for _ in range(3):
        with pytest.raises(RecordedTooMuch):
            await append(lab, session, 4, b"more")
        with pytest.raises(RecordedTooMuch):
            await seal(lab, session, b"fourmore", content=b"fourmore")
    assert await append(lab, eve, 0, b"hers") == 4
    assert await append(lab, session, 0, b"four") == 4
    (told,) = await lab.events("gateway.slowed")
    assert (told.fields["work"], told.subjects["user"]) == ("recordings", bob.caller.user_id)
    await seal(lab, session, b"four")


async def test_gateway_whose_share_is_spent_fills_the_store_no_further(lab: AuthorityLab, session: str) -> None:
    for place in range(-(-int(GATEWAY_RECORDED.burst) // int(USER_RECORDED.burst))):
        user = UserId(f"{place:026}")
        lab.services.gateway_limits.take_recorded(lab.gateway.gateway_id, user, int(USER_RECORDED.burst))
    with pytest.raises(RecordedTooMuch, match="gateway"):
        await append(lab, session, 0, b"one byte more")
    lab.advance(hours=1)
    assert await append(lab, session, 0, b"one byte more") == 13


async def test_nothing_is_taken_of_a_session_of_which_nothing_is_recorded(lab: AuthorityLab, bob: LabSignIn) -> None:
    await lab.declare(OPS + "  options: {record_session: {default: none}}\n")
    unseen = (await open_as(lab, bob, WHERE)).session_id
    with pytest.raises(Invalid):
        await append(lab, unseen, 0, b"made up")


@pytest.mark.parametrize(("days", "taken"), [(29, True), (31, False)])
async def test_pieces_are_taken_for_a_month_after_the_end(
    lab: AuthorityLab, session: str, days: int, taken: bool
) -> None:
    await report_session(
        lab.services, lab.gateway, session, SessionReport(ended=SessionEnded("closed", "output", 0, 0, {}))
    )
    lab.advance(days=days)
    try:
        assert await append(lab, session, 0, b"late") == 4
    except Conflict:
        assert not taken
    else:
        assert taken


async def test_recording_counts_from_its_sessions_opening(lab: AuthorityLab, session: str, bob: LabSignIn) -> None:
    opened = lab.clock.now()
    lab.advance(minutes=3)
    await append(lab, session, 0, b"x")
    assert (await get_recording(lab.services, bob.caller, session)).row.started == opened


class TestSealing:
    async def test_is_signed_and_final(self, lab: AuthorityLab, session: str, bob: LabSignIn) -> None:
        await sealed(lab, session)
        row = (await get_recording(lab.services, bob.caller, session)).row
        assert (row.sealed, row.size_bytes) == (lab.clock.now(), 13)
        assert row.signature
        (noted,) = await lab.events("recording.sealed")
        assert noted.fields["sha256"] == row.digest.hex()
        with pytest.raises(Conflict):
            await append(lab, session, 13, b"more")

    @pytest.mark.parametrize("state", ["open", "told as none", "presumed over"])
    @pytest.mark.parametrize("level", ["output", "events"])
    async def test_is_of_the_level_that_its_manifest_reached_whatever_became_of_its_session(
        self, lab: AuthorityLab, session: str, state: str, level: str
    ) -> None:
        if state == "told as none":
            ended = SessionReport(ended=SessionEnded("closed", "none", 0, 0))
            await report_session(lab.services, lab.gateway, session, ended)
        if state == "presumed over":
            row = await lab.session(session)
            await lab.store.write(lambda tx: end_presumed(tx, row, EndReason.GATEWAY_LOST, "presumed"))
        await append(lab, session, 0, b"what was seen")
        kinds = sealing(lab, session, b"what was seen").manifest["kinds"]
        kinds = {kind: msgspec.convert({**part, "achieved": level}, KindPart) for kind, part in kinds.items()}
        said = {"level_achieved": level, "kinds": kinds}
        await seal(lab, session, b"what was seen", said=said)
        (noted,) = await lab.events("recording.sealed")
        assert noted.fields["level_achieved"] == level

    async def test_again_changes_nothing(self, lab: AuthorityLab, session: str) -> None:
        await sealed(lab, session)
        await seal(lab, session, b"what was seen")
        await seal(lab, session, b"what was seen", manifest={"version": 2})
        with pytest.raises(Conflict):
            await seal(lab, session, b"what was not seen")
        assert len(await lab.events("recording.sealed")) == 1

    @pytest.mark.parametrize("changes", [{"digest": bytes(32)}, {"size_bytes": 12}, {"size_bytes": 14}])
    async def test_of_other_bytes_is_refused(
        self, lab: AuthorityLab, session: str, bob: LabSignIn, changes: dict[str, Any]
    ) -> None:
        await append(lab, session, 0, b"what was seen")
        with pytest.raises(Conflict):
            await seal(lab, session, b"what was seen", **changes)
        assert (await get_recording(lab.services, bob.caller, session)).row.sealed is None
        await seal(lab, session, b"what was seen")

    async def test_of_nothing_is_refused(self, lab: AuthorityLab, session: str) -> None:
        with pytest.raises(Missing):
            await seal(lab, session, b"")

    async def test_with_a_huge_manifest_is_refused(self, lab: AuthorityLab, session: str) -> None:
        await append(lab, session, 0, b"x")
        with pytest.raises(Invalid):
            await seal(lab, session, b"x", manifest={"long": "x" * (4 * 1024 * 1024)})

    @pytest.mark.parametrize(
        "change", [{"version": 2}, {"session_id": "a" * 26}, {"digest": "0" * 64}, {"size_bytes": 1}, {"extra": 1}]
    )
    async def test_with_the_manifest_of_another_is_refused(
        self, lab: AuthorityLab, session: str, bob: LabSignIn, change: dict[str, Any]
    ) -> None:
        await append(lab, session, 0, b"what was seen")
        said = sealing(lab, session, b"what was seen")
        with pytest.raises(Invalid):
            await seal(lab, session, b"what was seen", manifest={**said.manifest, **change})
        assert (await get_recording(lab.services, bob.caller, session)).row.sealed is None

    @pytest.mark.parametrize(
        "said",
        [
            {"gateway_id": "z" * 26},
            {"installation_id": "z" * 26},
            {"level_asked": "strict"},
            {"level_achieved": "events"},
            {"end_reason": "because"},
            {"partial": True},
            {"content_bytes": 1},
            {"frames": 2},
        ],
    )
    async def test_gateway_that_says_what_was_not_asked_gets_no_signature(
        self, lab: AuthorityLab, session: str, said: dict[str, Any]
    ) -> None:
        with pytest.raises(Invalid):
            await seal(lab, session, b"what was seen", said=said, content=b"what was seen")
        assert await lab.events("recording.sealed") == []
        await seal(lab, session, b"what was seen", content=b"what was seen")

    async def test_session_of_which_nothing_is_to_be_recorded_gets_no_signature(
        self, lab: AuthorityLab, bob: LabSignIn
    ) -> None:
        await lab.declare(OPS + "  options: {record_session: {default: none}}\n")
        unseen = (await open_as(lab, bob, WHERE)).session_id
        for level in ("none", "output"):
            with pytest.raises(Invalid):
                await seal(lab, unseen, b"made up", said={"level_asked": level}, content=b"made up")

    @pytest.mark.parametrize(("days", "taken"), [(29, True), (31, False)])
    async def test_is_taken_for_a_month_after_the_end(
        self, lab: AuthorityLab, session: str, days: int, taken: bool
    ) -> None:
        report = SessionReport(ended=SessionEnded("closed", "output", 0, 0, {}))
        await report_session(lab.services, lab.gateway, session, report)
        lab.advance(days=days)
        try:
            await seal(lab, session, b"late", content=b"late")
        except Conflict:
            assert not taken
        assert len(await lab.events("recording.sealed")) == taken


class TestProof:
    async def test_holds_for_the_bytes_and_the_manifest(self, lab: AuthorityLab, session: str) -> None:
        await sealed(lab, session)
        said = await recording_proof(lab.services, (await lab.signed_in("olga", "auditor")).caller, session)
        proof = Proof(said.manifest.encode(), bytes.fromhex(said.signature))
        keys = [bytes.fromhex(key) for key in said.public_keys]
        assert check_recording(proof, [b"what was seen"], keys, session).session_id == session
        for old, new in ((b'"closed"', b'"locked"'), (b':"output"', b':"strict"')):
            changed = proof.manifest.replace(old, new)
            assert changed != proof.manifest
            with pytest.raises(NotProven):
                check_recording(Proof(changed, proof.signature), [b"what was seen"], keys, session)

    async def test_is_empty_until_it_is_sealed(self, lab: AuthorityLab, session: str) -> None:
        await append(lab, session, 0, b"so far")
        said = await recording_proof(lab.services, (await lab.signed_in("olga", "auditor")).caller, session)
        assert (said.manifest, said.signature) == ("", "")

    async def test_needs_the_right_to_replay(self, lab: AuthorityLab, session: str, bob: LabSignIn) -> None:
        await sealed(lab, session)
        with pytest.raises(NoRight):
            await recording_proof(lab.services, bob.caller, session)


class TestViewing:
    async def test_is_logged_before_the_first_byte(self, lab: AuthorityLab, session: str) -> None:
        await sealed(lab, session)
        olga = await lab.signed_in("olga", "auditor")
        chunks = await recording_content(lab.services, olga.caller, session, "play")
        (noted,) = await lab.events("recording.viewed")
        assert (noted.actor_id, noted.subjects["session"]) == (olga.caller.user_id, session)
        assert b"".join([chunk async for chunk in chunks]) == b"what was seen"

    async def test_nothing_is_given_when_it_can_not_be_logged(
        self, lab: AuthorityLab, session: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await sealed(lab, session)
        olga = await lab.signed_in("olga", "auditor")

        def broken(*_: object) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr("doorward.stores.sql.sqlite_writer.append_rows", broken)
        with pytest.raises(Exception, match="store"):
            await recording_content(lab.services, olga.caller, session, "play")

    async def test_export_is_another_event(self, lab: AuthorityLab, session: str) -> None:
        await sealed(lab, session)
        olga = await lab.signed_in("olga", "auditor")
        assert await read(lab, olga, session, "export") == b"what was seen"
        assert len(await lab.events("recording.exported")) == 1
        with pytest.raises(Invalid):
            await read(lab, olga, session, "fun")

    async def test_needs_the_right_for_ones_own_too(self, lab: AuthorityLab, session: str, bob: LabSignIn) -> None:
        await sealed(lab, session)
        ada = await lab.signed_in("ada", "admin")
        for who in (bob, ada):
            with pytest.raises(NoRight):
                await read(lab, who, session)
        assert await lab.events("recording.viewed") == []

    async def test_long_recording_comes_whole(
        self, lab: AuthorityLab, session: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("doorward.authority.operations.recordings.CHUNK_BYTES", 7)
        data = bytes(range(256)) * 3
        await sealed(lab, session, data)
        assert await read(lab, await lab.signed_in("olga", "auditor"), session) == data

    async def test_open_recording_can_be_watched_so_far(self, lab: AuthorityLab, session: str) -> None:
        await append(lab, session, 0, b"so far")
        assert await read(lab, await lab.signed_in("olga", "auditor"), session) == b"so far"


class TestListing:
    async def test_ones_own_without_a_right_and_all_with_it(
        self, lab: AuthorityLab, session: str, bob: LabSignIn
    ) -> None:
        await sealed(lab, session)
        eve, olga = await lab.signed_in("eve", "ops"), await lab.signed_in("olga", "auditor")
        for who, expected in ((bob, [session]), (eve, []), (olga, [session])):
            found = await list_recordings(lab.services, who.caller, 10)
            assert [one.session.id for one in found] == expected

    async def test_anothers_looks_like_none(self, lab: AuthorityLab, session: str) -> None:
        await sealed(lab, session)
        eve = await lab.signed_in("eve", "ops")
        answers = set()
        for session_id in (session, "a" * 26):
            with pytest.raises(NoRight) as caught:
                await get_recording(lab.services, eve.caller, session_id)
            answers.add(caught.value.message)
        assert len(answers) == 1


async def test_own_recordings_are_found_behind_a_thousand_of_others(
    lab: AuthorityLab, bob: LabSignIn, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_module, "LIST_MAX", 3)
    await append_recording(lab.services, lab.gateway, session, 0, b"abc")
    carol = await lab.signed_in("carol", "ops")
    for _ in range(4):
        lab.advance(seconds=1)
        theirs = (await open_as(lab, carol, WHERE)).session_id
        await append_recording(lab.services, lab.gateway, theirs, 0, b"abc")
    found = await list_recordings(lab.services, bob.caller, 100)
    assert [one.session.id for one in found] == [session]
    assert len(await list_recordings(lab.services, carol.caller, 2)) == 2
