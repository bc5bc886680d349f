"""Every public name of a module is used by the product: what nothing uses is deleted, or says here why it stays."""

import ast
import re
from collections.abc import Iterator

from tests.support.tidy import BROAD_EXCEPT_ALLOWED, broad_excepts
from tests.support.tidy_tree import python_files

# A framework calls what carries one of these.
REGISTERING = frozenset({"command", "group", "get", "post", "put", "delete"})
STAYS = {
    "ManualClock": "the clock of tests stands beside the clock",
    "SeededEntropy": "the entropy of tests stands beside the entropy",
    "FACE_HOST_KEYS": "the list of algorithms is whole, and compared with what is offered",
    "ENROL_NODE": "the table of calls is whole, and compared with the routes",
    "GET_RECORDING": "the table of calls is whole, and compared with the routes",
    "encode_header": "what we read can be written, and is tried by a round trip",
    "encode_signature": "what we read can be written, and is tried by a round trip",
    "encode_userauth_publickey": "what we read can be written, and is tried by a round trip",
    "is_typed": "what certificates say is read where it is made",
    "frames_in": "reads a recording in pieces of any size, as `recover` does whole",
    "timeline": "the pace of a replay, by itself",
}


def public_names(tree: ast.Module) -> Iterator[str]:
    """What a module defines, but for what a decorator hands to a framework."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not any(registers(each) for each in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def registers(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in REGISTERING


def used_names(tree: ast.Module) -> Iterator[str]:
    """Names and attributes that are read, words of annotations in quotes, and the ends of paths like `module:name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^\w+$|(?<=:)\w+$", node.value)


def unused(files: list[tuple[str, str]]) -> list[str]:
    trees = [(path, ast.parse(text)) for path, text in files]
    used = {name for _, tree in trees for name in used_names(tree)}
    return [
        f"{path}: {name}"
        for path, tree in trees
        for name in public_names(tree)
        if not name.startswith("_") and name not in used and "/migrations/" not in path
    ]


def test_nothing_public_is_left_over() -> None:
    findings = [each for each in unused(list(python_files("src"))) if each.split(": ")[1] not in STAYS]
    assert findings == [], "\n".join(findings)


def test_what_may_stay_is_there_and_still_unused() -> None:
    assert {each.split(": ")[1] for each in unused(list(python_files("src")))} >= set(STAYS)


def test_every_place_that_may_catch_any_failure_does() -> None:
    found = {path for path, text in python_files("src") if broad_excepts(f"elsewhere/{path}", text)}
    assert found == BROAD_EXCEPT_ALLOWED


def test_left_over_name_is_found_and_a_command_is_none() -> None:
    text = """
LIMIT = 3
USED: int = 4

def left() -> "Kept": return USED

class Kept: ...

@group.command("x")
def run() -> None: ...
"""
    assert unused([("a.py", text)]) == ["a.py: LIMIT", "a.py: left"]
