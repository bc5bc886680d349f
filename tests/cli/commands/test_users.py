"""Users: their codes are shown with all that it takes to use them."""

import shlex

from tests.support.command_line import CommandLine
from tests.support.declared_answers import applied, changed, view
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.administration import IssuedCode
from doorward.api.bodies.resources import ResourceList
from doorward.api.problem import FieldProblem

USER = "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {roles: [access], traits: {logins: [bob]}}\n"
PIN = "sha256:" + "a" * 64


def test_add_prints_the_line_that_the_new_user_types(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/users"] = (201, IssuedCode("bob", "ab; cd", "2026-01-02T00:00:00Z", PIN))
    done = alice("users", "add", "bob", "--role", "access", "--role", "dev")
    assert done.exit_code == 0
    assert stub.seen[-1].json == {"name": "bob", "roles": ["access", "dev"]}
    words = shlex.split(done.out.splitlines()[1])
    assert words == ["dw", "login", stub.url, "--ca-pin", PIN, "--code", "-"]
    assert done.out.splitlines()[2] == "code: ab; cd"
    assert done.out.count("ab; cd") == 1


def test_invite_and_reset_ask_for_a_code(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/users/bob/invitation"] = (200, IssuedCode("bob", "one", "2026-01-02T00:00:00Z", PIN))
    stub.answers["POST /v1/users/bob/reset"] = (200, IssuedCode("bob", "two", "2026-01-02T00:00:00Z", PIN))
    assert "\ncode: one\n" in alice("users", "invite", "bob").out
    assert '"code": "two"' in alice("users", "reset", "bob", "--json").out


def test_disable_changes_nothing_else(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/user/bob"] = (200, view(USER, revision=4))
    stub.answers["POST /v1/resources"] = changed
    assert alice("users", "disable", "bob").exit_code == 0
    declared = applied(stub.asked("POST /v1/resources")[0])
    assert declared.value.disabled
    assert (declared.value.roles, declared.revision) == (("access",), 4)
    assert declared.value.traits == {"logins": ("bob",)}


def test_refusals_are_refusals(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/users"] = problem(403, "refused", "adding a user: you can not give what you do not hold")
    assert alice("users", "add", "bob", "--role", "admin").exit_code == 3
    assert alice("users", "add", "bob").exit_code == 2


def test_list(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/user"] = (200, ResourceList([view(USER)]))
    assert "bob" in alice("users", "ls").out


def test_what_the_options_said_wrong_names_the_option(alice: CommandLine, stub: StubAuthority) -> None:
    wrong = (FieldProblem("there is no role x", "the call", 0, "spec.roles"), FieldProblem("no", "the call", 0, "kind"))
    stub.answers["POST /v1/users"] = problem(400, "invalid", "adding", *wrong)
    assert alice("users", "add", "bob", "--role", "x").err == "dw: --role: there is no role x\ndw: kind: no\n"


def test_a_name_that_is_taken_is_no_change_to_look_at_again(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/users"] = problem(409, "conflict", "adding bob: is there", code="user_exists")
    assert alice("users", "add", "bob", "--role", "x").err == "dw: adding bob: is there\n"
