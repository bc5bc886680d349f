"""`pip install doorward` gives the command line alone: nothing of it needs what only a server needs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The names under which the packages of the server extra are imported, where these differ.
IMPORTED_AS = {"argon2-cffi": "argon2", "prometheus-client": "prometheus_client"}
BLOCKED = """
import sys
for name in {names!r}:
    sys.modules[name] = None
"""


def server_modules() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[^A-Za-z0-9_-]", one, maxsplit=1)[0] for one in project["optional-dependencies"]["server"]]
    return [IMPORTED_AS.get(name, name) for name in names]


def run_without_server_packages(code: str) -> subprocess.CompletedProcess[str]:
    script = BLOCKED.format(names=server_modules()) + code
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)


def test_every_command_loads_without_the_server_packages() -> None:
    done = run_without_server_packages(
        "import importlib, pkgutil, doorward.cli\n"
        "for one in pkgutil.walk_packages(doorward.cli.__path__, 'doorward.cli.'):\n"
        "    importlib.import_module(one.name)\n"
    )
    assert done.returncode == 0, done.stderr


def test_policy_is_tested_without_the_server_packages() -> None:
    cases = ROOT / "tests" / "conformance" / "roles.json"
    done = run_without_server_packages(
        f"sys.argv = ['dw', 'policy', 'test', {str(cases)!r}]\nfrom doorward.cli.entry import main\nsys.exit(main())\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_server_command_says_what_to_install() -> None:
    done = run_without_server_packages(
        "sys.argv = ['doorward', 'init', '--data', '/nonexistent/x']\nfrom doorward.main.entry import main\nmain()\n"
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'doorward[server]'" in done.stderr
