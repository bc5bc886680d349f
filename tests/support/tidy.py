"""What keeps Python files tidy, as functions from a file's text to findings.

Each function returns one line per finding and none for a good file; `tests/architecture` runs them over the tree and,
on samples, proves that each can find what it is for. A rule that ruff or import-linter has is not repeated here.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60
# Where any failure has to be caught so that one session, one job or one request ends and not the process.
BROAD_EXCEPT_ALLOWED: Final = frozenset(
    {
        "src/doorward/authority/jobs/runner.py",
    }
)
CLOCK_READERS: Final = frozenset(
    {
        "src/doorward/base/clock.py",
        "src/doorward/base/entropy.py",
        "src/doorward/cli/ssh_start.py",  # ADR 0018: it may not afford to import base.clock
        "src/doorward/cli/ssh_proxy.py",  # the same
    }
)
_CHANCE_OR_TIME: Final = frozenset({"time", "random", "secrets", "uuid"})
_MODULE_NAMES_BANNED: Final = frozenset(
    {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "info", "handle_data"}
)
# Assembled, so that this file does not find itself.
_WORDS_BANNED: Final = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error")
_WORDS: Final = re.compile(r"\b(" + "|".join(_WORDS_BANNED) + r")\b")
# In the product these say that something is half done; a test may call a double what it likes.
_HALF_DONE: Final = re.compile(r"\b" + "st" + r"ub(s|bed)?\b|#.*\b" + "for" + r" now\b", re.IGNORECASE)
_SKIPS: Final = frozenset({"skip", "skipif", "skipUnless", "skipIf", "xfail", "importorskip"})
_BARE_IGNORE: Final = re.compile(r"#\s*type:\s*ignore(?!\[[a-z-]+(, ?[a-z-]+)*\])")
_UNSUPERVISED: Final = frozenset({"gather", "wait_for", "ensure_future"})


def too_long(path: str, text: str) -> list[str]:
    """Files have 400 lines at most."""
    count = len(text.splitlines())
    return [f"{path}: {count} lines, {FILE_LINES_MAX} at most"] if count > FILE_LINES_MAX else []


def long_functions(path: str, text: str) -> list[str]:
    """Functions fit a screen."""
    findings = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                findings.append(f"{path}:{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES_MAX} at most")
    return findings


def without_docstring(path: str, text: str) -> list[str]:
    """A module opens with what it is for."""
    return [] if ast.get_docstring(ast.parse(text)) else [f"{path}: a module says what it is for"]


def logic_in_init(path: str, text: str) -> list[str]:
    """`__init__.py` holds a sentence, never logic."""
    body = ast.parse(text).body
    if PurePosixPath(path).name != "__init__.py" or len(body) <= 1:
        return []
    return [f"{path}:{body[1].lineno}: __init__.py holds a sentence and nothing else"]


def banned_names(path: str) -> list[str]:
    """Modules and folders are named for what they hold."""
    names = [PurePosixPath(part).stem for part in PurePosixPath(path).parts]
    findings = [f"{path}: {name!r} names nothing" for name in names if name in _MODULE_NAMES_BANNED]
    if path.startswith("src/"):
        findings += [f"{path}: a name that needs 'and' is two files" for name in names if "_and_" in name]
    return findings


def banned_words(path: str, text: str) -> list[str]:
    """Nothing is left half done in the code."""
    patterns = (_WORDS, _HALF_DONE) if path.startswith("src/") else (_WORDS,)
    return [f"{path}:{number}: {found}" for pattern in patterns for number, found in _lines_matching(pattern, text)]


def skipped_tests(path: str, text: str) -> list[str]:
    """No test is skipped, and none is expected to fail."""
    findings = []
    for node in ast.walk(ast.parse(text)):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in _SKIPS:
            findings.append(f"{path}:{getattr(node, 'lineno', 0)}: {name}")
    return findings


def broad_excepts(path: str, text: str) -> list[str]:
    """`except Exception` lives where the list says; a bare one, or BaseException that does not raise again, nowhere."""
    findings = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = _caught(node)
        if "BaseException" in names and not isinstance(node.body[-1], ast.Raise):
            findings.append(f"{path}:{node.lineno}: except BaseException that does not raise again")
        if "Exception" in names and path not in BROAD_EXCEPT_ALLOWED:
            findings.append(f"{path}:{node.lineno}: except Exception")
    return findings


def bare_ignores(path: str, text: str) -> list[str]:
    """A silenced type error names which."""
    return [
        f"{path}:{line}: {comment}" for line, comment in _comments(text) if _BARE_IGNORE.search(comment) is not None
    ]


def machine_reads(path: str, text: str) -> list[str]:
    """Only base.clock and base.entropy ask the machine for time or chance."""
    if path in CLOCK_READERS:
        return []
    findings = []
    for node in ast.walk(ast.parse(text)):
        for name in _imported(node):
            if name.split(".")[0] in _CHANCE_OR_TIME:
                findings.append(f"{path}:{getattr(node, 'lineno', 0)}: imports {name}; take a Clock or an Entropy")
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "datetime.now",
            "datetime.utcnow",
            "datetime.today",
            "date.today",
            "os.urandom",
        }:
            findings.append(f"{path}:{node.lineno}: {ast.unparse(node.func)}; take a Clock or an Entropy")
    return findings


def file_access(path: str, text: str) -> list[str]:
    """Pure code opens no files: neither `open` nor a concrete Path."""
    findings = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            findings.append(f"{path}:{node.lineno}: open()")
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
            findings += [
                f"{path}:{node.lineno}: pathlib.{alias.name}"
                for alias in node.names
                if not alias.name.startswith("Pure")
            ]
        if isinstance(node, ast.Import) and any(alias.name == "pathlib" for alias in node.names):
            findings.append(f"{path}:{node.lineno}: pathlib; import a Pure path by name")
    return findings


def unsupervised_tasks(path: str, text: str) -> list[str]:
    """Every task has a parent and every wait one deadline: no gather, wait_for or ensure_future."""
    return [
        f"{path}:{node.lineno}: asyncio.{node.attr}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr in _UNSUPERVISED
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
    ]


def sleeping_tests(path: str, text: str) -> list[str]:
    """Unit tests move a ManualClock; `sleep(0)` lets others run and is no wait."""
    findings = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep"}:
            argument = node.args[0] if node.args else None
            if not (isinstance(argument, ast.Constant) and argument.value == 0):
                findings.append(f"{path}:{node.lineno}: sleeps")
    return findings


def mocks(path: str, text: str) -> list[str]:
    """Tests use builders and fakes."""
    return [
        f"{path}:{getattr(node, 'lineno', 0)}: {name}"
        for node in ast.walk(ast.parse(text))
        for name in _imported(node)
        if name.startswith(("unittest.mock", "mock"))
    ]


def operations_seen_by_stores(path: str, text: str) -> list[str]:
    """Stores and integrations fill authority/ports.py and see nothing else of the authority."""
    return [
        f"{path}:{getattr(node, 'lineno', 0)}: {name}; authority.ports is all that is seen from here"
        for node in ast.walk(ast.parse(text))
        for name in _imported(node)
        if name.startswith("doorward.authority") and not name.startswith("doorward.authority.ports")
    ]


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"BaseException"}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(one).rsplit(".", 1)[-1] for one in types}


def _imported(node: ast.AST) -> Iterator[str]:
    """Full names, `package.module` and `package.module.name` alike."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _lines_matching(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        for match in pattern.finditer(line):
            yield number, match.group(0)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
