"""What keeps the rest of the tree tidy: mirror of tests, lock file, documents, addresses.

As in `tests.support.tidy`, functions from what stands there to findings; nothing here reads outside the paths given.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
TEST_FOLDERS_OF_THEIR_OWN: Final = frozenset({"support", "conformance", "simulation", "e2e", "browser", "architecture"})
DECISION_HEADINGS: Final = ("Context", "Decision", "Consequences", "Rejected", "How we will know it was wrong")
_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "dist", "build"})
_TEXT_SUFFIXES: Final = frozenset(
    {
        *("", ".cfg", ".css", ".html", ".ini", ".js", ".json", ".md", ".py"),
        *(".sh", ".toml", ".ts", ".tsx", ".txt", ".yaml", ".yml"),
    }
)
# Assembled, so that this file does not find itself.
_REGISTRY_NAMES: Final = (
    "pypi" + ".org",
    "python" + "hosted",
    "npmjs" + ".org",
    "yarnpkg" + ".com",
    "--index" + "-url",
    "deb.debian" + ".org",
)
_REGISTRIES: Final = re.compile("|".join(re.escape(name) for name in _REGISTRY_NAMES))
# People in examples; any other name in such a path is somebody's machine.
_EXAMPLE_PEOPLE: Final = "alice|bob|carol|dave|devops|deploy"
_HOMES: Final = re.compile(rf"/(?:home|Users)/(?!(?:{_EXAMPLE_PEOPLE})\b)[A-Za-z][\w.-]*/|/root/\.(?!ssh\b)\w")
_PROJECT_PATH: Final = re.compile(r"`((?:src|tests|setup|docs|benchmarks|demo)/[\w./-]+)`")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_REQUIREMENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[^\s\\;]+( ; [^\\]+)? \\")
_HASH: Final = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def python_files(*folders: str) -> Iterator[tuple[str, str]]:
    """Path and text of each Python file under the folders of the tree."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not _NOT_OURS.intersection(path.relative_to(ROOT).parts):
                yield path.relative_to(ROOT).as_posix(), path.read_text()


def text_files() -> Iterator[tuple[str, str]]:
    """Path and text of each file that belongs to the project; hidden folders but .ci are tools' own."""
    for entry in sorted(ROOT.iterdir()):
        if entry.is_dir() and (entry.name == ".ci" or not entry.name.startswith(".")):
            found = [path for path in sorted(entry.rglob("*")) if path.is_file()]
        else:
            found = [entry] if entry.is_file() and not entry.name.endswith(".log") else []
        for path in found:
            if path.suffix in _TEXT_SUFFIXES and not _NOT_OURS.intersection(path.relative_to(ROOT).parts):
                yield path.relative_to(ROOT).as_posix(), path.read_text(errors="replace")


def mirror_gaps(source_files: Iterable[str], test_files: Iterable[str]) -> list[str]:
    """Folders of src without tests, and folders of tests that mirror nothing.

    Paths are relative: to src/doorward and to tests. Migrations are exempt: the store's tests run them all.
    """
    sources = {_folder(path) for path in source_files if not path.endswith("__init__.py") and "migrations/" not in path}
    tests = list(test_files)
    tested = {_folder(path) for path in tests if path.rsplit("/", 1)[-1].startswith("test_")}
    findings = [f"src/doorward/{folder}: no tests in tests/{folder}" for folder in sorted(sources - tested)]
    for folder in sorted({_folder(path) for path in tests} - sources - {""}):
        inside_sources = any(source.startswith(f"{folder}/") for source in sources)
        if folder.split("/")[0] not in TEST_FOLDERS_OF_THEIR_OWN and not inside_sources:
            findings.append(f"tests/{folder}: mirrors nothing in src/doorward")
    return findings


def lock_faults(text: str) -> list[str]:
    """A lock holds pinned names and their hashes: no addresses, no options, no comments."""
    findings = []
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if _REQUIREMENT.fullmatch(line):
            if number == len(lines) or not _HASH.fullmatch(lines[number]):
                findings.append(f"line {number}: no hash for {line!r}")
        elif not _HASH.fullmatch(line):
            findings.append(f"line {number}: neither a pinned name nor a hash: {line!r}")
    return findings if lines else ["the lock is empty"]


def lock_gaps(wanted: Iterable[str], lock_text: str) -> list[str]:
    """Requirements of pyproject.toml that the lock does not name."""
    locked = {_normal(line.split("==")[0]) for line in lock_text.splitlines() if "==" in line}
    names = {_normal(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in wanted}
    return [f"{name}: in pyproject.toml and not in the lock; run `make lock`" for name in sorted(names - locked)]


def addresses(path: str, text: str) -> list[str]:
    """Where packages come from is the machine's business, and no machine's paths are ours."""
    findings = [f"{path}: names the package source {found.group(0)!r}" for found in _REGISTRIES.finditer(text)]
    findings += [f"{path}: a path of somebody's machine: {found.group(0)!r}" for found in _HOMES.finditer(text)]
    return findings


def dead_references(path: str, text: str, exists: Mapping[str, bool] | None = None) -> list[str]:
    """Relative links and `src/...` paths in documents that lead nowhere. `exists` answers for samples."""
    findings = []
    for target in [match.group(1) for match in _PROJECT_PATH.finditer(text)]:
        if not _there(target, exists):
            findings.append(f"{path}: `{target}` does not exist")
    for target in [match.group(1) for match in _LINK.finditer(text)]:
        if "://" not in target and not target.startswith("mailto:"):
            resolved = (ROOT / path).parent / target
            if not _there(resolved.resolve().relative_to(ROOT).as_posix(), exists):
                findings.append(f"{path}: the link {target} leads nowhere")
    return findings


def dead_documents(path: str, text: str, names: Iterable[str]) -> list[str]:
    """Documents that code speaks of by a file name that none of ours has."""
    known = set(names)
    mentioned = re.findall(r"(?<![\w/.*-])(?:[\w-]+/)*([\w-]+\.md)\b", text)
    return [f"{path}: there is no document {name}" for name in mentioned if name not in known]


def decision_faults(name: str, text: str) -> list[str]:
    """A decision record has a numbered title, a status, a date, and every part."""
    findings = []
    if not re.match(r"# (ADR )?\d{4}", text) and not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name):
        findings.append(f"{name}: named NNNN-title.md")
    lowered = text.lower()
    findings += [f"{name}: no {word.lower()}" for word in ("Status", "Date") if word.lower() not in lowered]
    headings = [line.lstrip("#* ").strip("*:. ").lower() for line in text.splitlines() if line.startswith(("#", "**"))]
    for heading in DECISION_HEADINGS:
        if not any(found.startswith(heading.lower()) for found in headings):
            findings.append(f"{name}: no part {heading!r}")
    return findings


def unnamed(names: Iterable[str], index_text: str) -> list[str]:
    """Names that the index does not mention."""
    return [f"{name}: not in the index" for name in names if name not in index_text]


def cited_invariants(text: str) -> set[str]:
    """The numbers of promises (I, hyphen, number) in a file's text."""
    return set(re.findall(r"\bI-\d{1,2}(?:\.\d{1,2})?\b", text))


def cited_decisions(text: str) -> set[str]:
    """The numbers of decision records in a file's text: after the word, in a link, or as the name of a file."""
    return set(re.findall(r"(?:\bADR |\b[Dd]ecision |\bdecisions/|\[|\()(\d{4})(?=[-\s.,;:)\]]|$)", text))


def overruled_decisions(text: str) -> set[str]:
    """The numbers of the records that a record says it supersedes or amends."""
    return set(re.findall(r"(?:[Ss]upersedes|[Aa]mends)[^\n\d]*(\d{4})", text))


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _there(target: str, exists: Mapping[str, bool] | None) -> bool:
    return exists.get(target, False) if exists is not None else (ROOT / target).exists()
