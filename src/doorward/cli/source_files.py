"""The YAML files that a person names: read whole, bounded, and sent as they were written."""

import sys
from pathlib import Path
from typing import Final

from doorward.api.bodies.resources import TEXT_MAX, SourceFile
from doorward.base.errors import Invalid

FILES_MAX: Final = 256
SUFFIXES: Final = frozenset({".yaml", ".yml"})
STANDARD_INPUT: Final = "-"


def read_sources(paths: tuple[str, ...], *, suffixes: frozenset[str] = SUFFIXES) -> list[SourceFile]:
    """Every file, of directories those that end in one of `suffixes`; `Invalid` when there is none, or too much."""
    sources: list[SourceFile] = []
    for path in paths:
        if path == STANDARD_INPUT:
            sources.append(_checked("standard input", sys.stdin.buffer.read(TEXT_MAX + 1)))
        else:
            sources.extend(_read(file) for file in _files(Path(path), suffixes))
        if len(sources) > FILES_MAX:
            raise Invalid(f"reading files: {FILES_MAX} is the most at once")
    return sources


def _files(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix in suffixes and each.is_file())
    if not found:
        raise Invalid(f"reading {path}: no file in it ends in {' or '.join(sorted(suffixes))}")
    return found


def _read(path: Path) -> SourceFile:
    with path.open("rb") as file:
        return _checked(str(path), file.read(TEXT_MAX + 1))


def _checked(name: str, content: bytes) -> SourceFile:
    if len(content) > TEXT_MAX:
        raise Invalid(f"reading {name}: longer than {TEXT_MAX} bytes")
    try:
        return SourceFile(name=name, text=content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Invalid(f"reading {name}: it is not UTF-8 text") from error
