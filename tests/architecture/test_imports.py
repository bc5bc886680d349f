"""Imports point one way, and what a user installs for the command line stays small."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from tests.support.tidy_tree import ROOT

LINTER = Path(sys.executable).parent / "lint-imports"
PLANES = ("api", "authority", "base", "cli", "domain", "gateway", "main", "net", "signer", "stores", "wire")
# Import names where they differ from the names of the packages that bring them.
IMPORT_NAMES = {"google-re2": "re2", "pyyaml": "yaml"}


def lint(sources: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-logo", "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        check=False,
    )


def skeleton(sources: Path) -> Path:
    """A package with the planes of the real one, and imports that all point the right way."""
    package = sources / "doorward"
    for plane in ("", *PLANES):
        folder = package / plane
        folder.mkdir()
        (folder / "__init__.py").touch()
    (package / "base" / "clock.py").write_text("import time\n")
    (package / "base" / "entropy.py").write_text("import os\nimport random\n")
    (package / "domain" / "role.py").write_text("import doorward.base.clock\n")
    (package / "authority" / "operation.py").write_text("import asyncio\nimport doorward.domain.role\n")
    return package


def test_every_import_contract_is_kept() -> None:
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_contracts_are_kept_by_a_package_of_the_right_shape(tmp_path: Path) -> None:
    skeleton(tmp_path)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "code", "contract"),
    [
        ("base/x.py", "import doorward.domain.role", "imports point one way"),
        ("wire/x.py", "import doorward.domain.role", "imports point one way"),
        ("api/x.py", "import doorward.authority.operation", "imports point one way"),
        ("net/x.py", "import doorward.api", "imports point one way"),
        ("signer/x.py", "import doorward.authority.operation", "imports point one way"),
        ("domain/x.py", "import asyncio", "domain and wire do no I/O"),
        ("wire/x.py", "from socket import socket", "domain and wire do no I/O"),
        ("gateway/x.py", "import doorward.authority.operation", "the gateway reaches neither"),
        ("gateway/x.py", "import doorward.stores", "the gateway reaches neither"),
        ("gateway/x.py", "import sqlite3", "the gateway reaches neither"),
        ("cli/x.py", "import doorward.authority.operation", "the cli reaches the authority"),
        ("signer/x.py", "import sqlalchemy", "the signer opens no network"),
        ("elsewhere.py", "import doorward.base", "imports point one way"),
    ],
)
def test_contract_is_broken_by(tmp_path: Path, where: str, code: str, contract: str) -> None:
    package = skeleton(tmp_path)
    (package / where).write_text(code + "\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert re.search(rf"{re.escape(contract)}.* BROKEN", done.stdout), done.stdout


def test_contract_is_broken_by_a_cycle_between_siblings(tmp_path: Path) -> None:
    package = skeleton(tmp_path)
    for one, other in (("access", "audit"), ("audit", "access")):
        (package / "domain" / one).mkdir()
        (package / "domain" / one / "__init__.py").touch()
        (package / "domain" / one / "x.py").write_text(f"import doorward.domain.{other}.x\n")
    assert re.search(r"no cycles between siblings.* BROKEN", lint(tmp_path).stdout)


def test_the_command_line_needs_nothing_of_the_server_extra() -> None:
    """`pip install doorward` gives the CLI alone: all that it can import is in the base dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0].lower() for line in project["dependencies"]}
    allowed = {IMPORT_NAMES.get(name, name) for name in names}
    graph = grimp.build_graph("doorward", include_external_packages=True, cache_dir=None)
    reached = graph.find_upstream_modules("doorward.cli", as_package=True)
    external = {module.split(".")[0] for module in reached} - {"doorward"} - set(sys.stdlib_module_names)
    assert external - allowed == set()
    assert "click" in external
