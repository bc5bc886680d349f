"""Searching the log, and checking that it adds up."""

from datetime import UTC, datetime

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.audit import AuditEntry, AuditPage, AuditVerification, ErasedUser
from doorward.base.errors import Invalid
from doorward.cli.commands.audit import moment

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ENTRY = AuditEntry(7, "2026-01-01T00:00:00Z", "DW1", "user.enrolled", "bob", {"b": 1, "a": "x\n"}, "00")


def test_search_sends_what_was_asked_and_shows_how_to_go_on(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/audit"] = (200, AuditPage([ENTRY], next_before=7))
    done = alice("audit", "search", "--person", "bob", "--type", "user.enrolled", "--before", "9", "--limit", "1")
    assert stub.seen[-1].path == "/v1/audit?user=bob&type=user.enrolled&before=9&limit=1"
    lines = done.out.splitlines()
    assert lines[1].split() == ["7", "2026-01-01T00:00:00Z", "user.enrolled", "bob", "a=x\\x0a", "b=1"]
    assert lines[2] == "older ones: dw audit search --user bob --type user.enrolled --before 7 --limit 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", "2026-01-02T10:00:00Z"),
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("2026-01-01T12:00:00.5+02:00", "2026-01-01T10:00:00.500000Z"),
    ],
)
def test_times_are_points_or_reach_back_from_now(text: str, expected: str) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00", "yesterday", "5", ""])
def test_times_without_a_zone_or_a_unit_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        moment(text, NOW)


def test_a_log_that_adds_up_and_one_that_does_not(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/audit/verification"] = (200, AuditVerification(ok=True, entries=3, root_hash="ab"))
    done = alice("audit", "verify")
    assert (done.exit_code, done.out) == (0, "verified: 3 entries, root ab\n")
    broken = AuditVerification(ok=False, entries=3, root_hash="ab", problem="a leaf differs", problem_entry=2)
    stub.answers["GET /v1/audit/verification"] = (200, broken)
    done = alice("audit", "verify")
    assert (done.exit_code, done.out) == (1, "NOT verified: a leaf differs (entry 2)\n")
    assert alice("audit", "verify", "--json").exit_code == 1


def test_a_signed_checkpoint_is_shown_as_what_it_is(alice: CommandLine, stub: StubAuthority) -> None:
    note = "doorward/abc\n3\nqrs=\n\n\u2014 doorward/abc sig=\n"
    answer = AuditVerification(ok=True, entries=3, root_hash="ab", checkpoint=note)
    stub.answers["GET /v1/audit/verification"] = (200, answer)
    lines = alice("audit", "verify").out.splitlines()
    assert lines[1] == "signed checkpoint, keep it elsewhere:"
    assert lines[2:] == [f"  {text}" for text in note.splitlines()]


def test_erase_names_the_user_and_says_how_much_went(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/audit/erasures"] = (200, ErasedUser("a" * 26, 12))
    done = alice("audit", "erase", "bob")
    assert done.exit_code == 0
    assert done.out.startswith(f"erased {'a' * 26} from 12 entries of the log\n")
    for left in ("sessions", "recordings", "sign-ins", "an identity at a provider", "copies"):
        assert f"\n  {left}: " in done.out  # no part of the log, so nothing here took it away
    assert stub.seen[-1].json == {"user": "bob"}
