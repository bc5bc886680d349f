"""The authorities' keys, as people look at them and take them out."""

import msgspec
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.administration import Authorities, Authority, Rotation, Rotations, RotationWait

ANSWER = Authorities(
    [
        Authority("session-ssh", "k1", "current", "ssh-ed25519 AAAA one", "SHA256:x", "2026-01-01"),
        Authority("session-ssh", "k2", "next", "ssh-ed25519 BBBB two", "SHA256:y"),
        Authority("x509-root", "k3", "current", "-----BEGIN CERTIFICATE-----\nAA\n", "sha256:z"),
    ],
    "sha256:z",
)

LACKS = RotationWait("node", "web-01", "it lacks the new key")
PREPARED = Rotation("session-ssh", "prepared", "2026-01-02", "switch", [LACKS], [])
STABLE = Rotation("user-ssh", "stable", "", "prepare", [], [])
LEFT = Rotation("node-host", "stable", "", "prepare", [], ["old-01"])


def test_status_lists_the_keys_and_the_pin(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/authorities"] = (200, ANSWER)
    stub.answers["GET /v1/rotations"] = problem(403, "refused", "this needs the role admin")
    lines = alice("ca", "status").out.splitlines()
    assert lines[1].split() == ["session-ssh", "current", "k1", "SHA256:x", "2026-01-01T00:00:00Z"]
    assert lines[-1] == "pin: sha256:z"


def test_status_says_to_administrators_what_a_rotation_waits_for_and_what_it_left_behind(
    alice: CommandLine, stub: StubAuthority
) -> None:
    stub.answers["GET /v1/authorities"] = (200, ANSWER)
    stub.answers["GET /v1/rotations"] = (200, Rotations([PREPARED, STABLE, LEFT]))
    assert alice("ca", "status").out.splitlines()[-5:] == [
        "session-ssh is prepared since 2026-01-02T00:00:00Z",
        "next: dw ca rotate session-ssh (switch)",
        "  waits for node web-01: it lacks the new key",
        "node-host is stable",
        "  node old-01 still trusts a key that is gone: run dw nodes setup old-01",
    ]


def test_rotate_asks_for_the_step_that_is_next_and_says_what_follows(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/rotations"] = (200, Rotations([PREPARED, STABLE]))
    switched = msgspec.structs.replace(PREPARED, state="switched", next_step="retire", waits=[])
    stub.answers["POST /v1/rotations/session-ssh"] = (200, switched)
    assert alice("ca", "rotate", "session-ssh").out.splitlines() == [
        "session-ssh is switched since 2026-01-02T00:00:00Z",
        "next: dw ca rotate session-ssh (retire)",
    ]
    assert stub.seen[-1].json == {"step": "switch"}


def test_step_that_would_lock_somebody_out_is_refused_with_their_names(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/rotations"] = (200, Rotations([PREPARED]))
    detail = "rotating session-ssh: not yet: node web-01: it lacks the new key"
    stub.answers["POST /v1/rotations/session-ssh"] = problem(409, "conflict", detail, code="rotation_waits")
    done = alice("ca", "rotate", "session-ssh")
    assert (done.exit_code, done.out) == (1, "")
    assert detail in done.err


def test_unknown_purpose_is_refused_without_asking_for_a_step(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/rotations"] = (200, Rotations([PREPARED]))
    assert alice("ca", "rotate", "checkpoint").exit_code == 1
    assert [each.method for each in stub.seen if "rotations" in each.path] == ["GET"]


def test_export_prints_every_key_of_a_purpose_as_it_is(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/authorities"] = (200, ANSWER)
    assert alice("ca", "export", "session-ssh").out == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
    assert alice("ca", "export", "x509-root").out == "-----BEGIN CERTIFICATE-----\nAA\n"
    done = alice("ca", "export", "nothing")
    assert (done.exit_code, done.out) == (1, "")
