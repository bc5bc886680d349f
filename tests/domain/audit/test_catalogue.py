"""The catalogue of events is the one that was reviewed."""

import ast
from pathlib import Path

import pytest

import doorward
from doorward.authority.traces import trace_fields
from doorward.domain.access.verdict import Deny
from doorward.domain.audit import events_machines, events_people, events_policy, events_sessions
from doorward.domain.audit.catalogue import (
    BY_NAME,
    EVENT_TYPES,
    UnknownEventType,
    by_name,
    render,
    reportable_by_gateway,
)
from doorward.domain.audit.event_types import HAPPENED, EventType, FieldClass, Shape

SOURCE = Path(doorward.__file__).parent
SNAPSHOT = Path(__file__).with_name("catalogue.txt")
# What says something about a person is never public, whatever the event.
PERSONAL = {"user_name", "source", "client", "command", "path", "path_to", "message", "trace", "traits", "claimed"}
# What may stand in a leaf for good: closed words, numbers, digests and ids of our own; anything else is a review.
OUR_WORDS = {
    *("basis", "factor", "format", "how", "kind", "level", "level_achieved", "level_asked", "method", "operation"),
    *(
        "outcome",
        "proof_kind",
        "purpose",
        "reason",
        "reason_presumed",
        "reasons",
        "result",
        "step",
        "work",
        "obligations",
        "enrolled_by",
    ),
    *("after", "before", "engine", "version", "installation", "root", "exit_signal"),
    *("fingerprint", "expected", "shown", "bound_key", "ca_fingerprint", "key_fingerprint", "node_key", "sha256"),
    *("factor_id", "key_id", "serial", "ssh_key_id", "ssh_serial", "x509_serial", "proof_sha256", "trace_sha256"),
    *("address", "issuer", "node_name"),
}
# Names of machines, in events about machines; any other name may be a person's.
MACHINES = ("node.", "gateway.", "token.", "face.")
# Fields that another module makes for the one that says the type.
MADE_ELSEWHERE = {
    "decision.made": set(trace_fields(Deny((), ()))),
    "refusals.counted": {"sftp", "forwards", "channels"},  # counted by kind, under the kind's own name
}
MACHINE_NAMES = {"name", "names", "names_sample", "scope"}


def test_the_catalogue_is_as_committed() -> None:
    """Changing the snapshot is a review: codes, names and classes are kept for good."""
    assert render() == SNAPSHOT.read_text()


def test_every_type_that_is_defined_is_in_the_catalogue() -> None:
    modules = (events_machines, events_people, events_policy, events_sessions)
    defined = {one.name for module in modules for one in vars(module).values() if isinstance(one, EventType)}
    assert defined == set(BY_NAME)


def test_codes_and_names_are_given_once() -> None:
    assert len({one.code for one in EVENT_TYPES}) == len(EVENT_TYPES) == len(BY_NAME)


def test_personal_fields_are_never_public() -> None:
    for one in EVENT_TYPES:
        for field in one.fields:
            assert field.name not in PERSONAL or field.field_class is not FieldClass.PUBLIC, (one.name, field.name)


def test_public_text_is_in_our_own_words() -> None:
    """A new public field of text fails here until somebody has asked whether it could be about a person."""
    for one in EVENT_TYPES:
        for field in one.fields:
            if field.is_hashed or field.shape in {Shape.INTEGER, Shape.BOOLEAN}:
                continue
            is_machine = one.name.startswith(MACHINES) and field.name in MACHINE_NAMES
            assert field.name in OUR_WORDS or is_machine, (one.name, field.name)


def test_what_named_people_is_hashed() -> None:
    for name, fields in {
        "resource.created": {"name", "body_sha256"},
        "resource.updated": {"name", "body_sha256"},
        "resource.deleted": {"name"},
        "lock.created": {"name", "target"},
        "lock.deleted": {"name", "target"},
        "session.opened": {"login"},
        "decision.made": {"login"},
        "user.signed_in": {"source_network"},
    }.items():
        assert fields <= {field.name for field in by_name(name).fields if field.is_hashed}


def test_a_gateway_reports_of_its_sessions_and_nothing_else() -> None:
    assert reportable_by_gateway("stream.opened") is by_name("stream.opened")
    for name in ("user.signed_in", "session.opened", "decision.made", "lock.deleted", "no.such", ""):
        with pytest.raises(UnknownEventType):
            reportable_by_gateway(name)


def test_an_unknown_name_is_missing() -> None:
    with pytest.raises(UnknownEventType):
        by_name("user.teleported")


def said_in(tree: ast.Module) -> set[str]:
    """Types that a module names: the constants that it imports and uses, and names that it writes out."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("doorward.domain.audit.events_")
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & imported
    texts = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return used | (texts & BY_NAME.keys())


def written_in(tree: ast.Module) -> set[str]:
    """Fields that a module may give to an event: keys of dicts, arguments by name, and items that are set."""
    written: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            written |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
        elif isinstance(node, ast.Call):
            written |= {word.arg for word in node.keywords if word.arg is not None}
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            written |= {str(node.slice.value)} if isinstance(node.slice, ast.Constant) else set()
    return written


def test_every_field_is_written_where_its_type_is_said() -> None:
    """A field that nothing writes is looked for in vain, and taken for a thing that did not happen."""
    catalogue = [events_machines, events_people, events_policy, events_sessions]
    names = {
        value: name for module in catalogue for name, value in vars(module).items() if isinstance(value, EventType)
    }
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for path in SOURCE.rglob("*.py")
        if path.parent != SOURCE / "domain" / "audit"
    }
    said = [(said_in(tree), written_in(tree)) for tree in trees.values()]
    for one in EVENT_TYPES:
        written = {HAPPENED, *MADE_ELSEWHERE.get(one.name, set())}
        for types, fields in said:
            written |= fields if {names[one], one.name} & types else set()
        assert {field.name for field in one.fields} <= written, one.name


def test_what_is_only_read_is_not_written() -> None:
    assert written_in(ast.parse('read = fields["a"]; has = "b" in fields; c = 1')) == set()
    assert written_in(ast.parse('fields["a"] = 1; note({"b": 2}, c=3)')) == {"a", "b", "c"}


def test_every_type_is_said_by_something() -> None:
    """A type that nothing emits promises a trace that nobody will find."""
    catalogue = [events_machines, events_people, events_policy, events_sessions]
    names = {
        value: name for module in catalogue for name, value in vars(module).items() if isinstance(value, EventType)
    }
    said: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.parent != SOURCE / "domain" / "audit":
            said |= said_in(ast.parse(path.read_text(encoding="utf-8")))
    assert {one.name for one in EVENT_TYPES if not {names[one], one.name} & said} == set()


def test_a_type_that_is_only_imported_is_not_said() -> None:
    line = "from doorward.domain.audit.events_people import USER_ENABLED\n"
    assert said_in(ast.parse(line)) == set()
    assert said_in(ast.parse(line + "note(tx, USER_ENABLED)\nREASON = SignInEnd.USER_DISABLED")) == {"USER_ENABLED"}
