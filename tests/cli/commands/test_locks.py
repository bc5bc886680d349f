"""Locking: what is named, all of it, until when."""

from datetime import UTC, datetime, timedelta

from tests.support.command_line import CommandLine
from tests.support.declared_answers import applied, changed, view
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.resources import Change, ResourceList

LOCK = """\
kind: lock
version: v1
metadata: {name: stop}
spec: {target: {user: bob, login: root}, message: "ask carol", expires: "2030-01-01T00:00:00Z"}
"""


def test_a_lock_names_everything_that_was_given(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/resources"] = changed
    words = ("--user", "bob", "--login", "no", "--message", "ask: carol", "--expires", "2h")
    before = datetime.now(UTC)
    done = alice("lock", "add", *words)
    assert done.exit_code == 0, done.err
    lock = applied(stub.asked("POST /v1/resources")[0]).value
    assert dict(lock.target) == {"user": "bob", "login": "no"}
    assert lock.message == "ask: carol"
    assert lock.expires is not None
    assert timedelta(hours=2, seconds=-2) < lock.expires - before < timedelta(hours=2, seconds=60)


def test_without_an_end_a_lock_holds_until_it_is_removed(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/resources"] = changed
    assert alice("lock", "add", "--node", "web", "--name", "stop").exit_code == 0
    declared = applied(stub.asked("POST /v1/resources")[0])
    assert (declared.name, declared.value.expires) == ("stop", None)


def test_a_lock_on_nothing_or_with_an_odd_end_is_refused(alice: CommandLine, stub: StubAuthority) -> None:
    assert alice("lock", "add", "--message", "x").exit_code == 1
    assert alice("lock", "add", "--user", "bob", "--expires", "2").exit_code == 1
    assert stub.asked("POST /v1/resources") == []


def test_list_and_removal(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/lock"] = (200, ResourceList([view(LOCK)]))
    stub.answers["GET /v1/resources/lock/stop"] = (200, view(LOCK))
    stub.answers["DELETE /v1/resources/lock/stop"] = (200, Change("lock", "stop", "i" * 26, 3, "deleted"))
    row = alice("lock", "ls").out.splitlines()[1]
    assert row.split() == ["stop", "login=root,user=bob", "2030-01-01T00:00:00Z", "ask", "carol"]
    assert alice("lock", "rm", "stop").exit_code == 0
