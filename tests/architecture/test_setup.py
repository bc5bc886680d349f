"""`make setup` asks before it touches the system, says in one line what is missing, and starts no services.

The script runs against programs of our own making, which record what they are asked to do.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.tidy_tree import ROOT

REAL = ("cat", "cut", "dirname", "env", "mktemp", "printf", "rm", "sh", "sha256sum", "tee", "touch", "true")


@dataclass
class Machine:
    """A pretended Debian: what is installed, who runs the script, and a log of what was asked of it."""

    root: Path
    installed: tuple[str, ...] = ()
    user_id: int = 1000
    sudo: bool = False
    programs: dict[str, str] = field(default_factory=dict)

    def run(self) -> subprocess.CompletedProcess[str]:
        binaries = self.root / "bin"
        checkout = self.root / "checkout"
        binaries.mkdir()
        for name in REAL:
            (binaries / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        for name, body in {**self._pretended(), **self.programs}.items():
            (binaries / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.root}/log"\n{body}\n')
            (binaries / name).chmod(0o755)
        (binaries / "python3").unlink(missing_ok=True)
        (binaries / "python3").symlink_to(sys.executable)
        shutil.copytree(ROOT / "setup", checkout / "setup")
        shutil.copytree(ROOT / "requirements", checkout / "requirements")
        shutil.copy(ROOT / "pyproject.toml", checkout)
        script = checkout / "setup" / "prepare.sh"
        # The policy file of the machine that runs the tests is not ours to write.
        script.write_text(script.read_text().replace("POLICY=/usr/sbin/", f"POLICY={self.root}/"))
        self._prepared(checkout)
        command = [str(script)]
        return subprocess.run(
            command, env={"PATH": str(binaries), "HOME": "/nonexistent"}, capture_output=True, text=True, check=False
        )

    def asked(self) -> str:
        log = self.root / "log"
        return log.read_text() if log.exists() else ""

    def _pretended(self) -> dict[str, str]:
        cases = "".join(f"{name}) echo installed;; " for name in self.installed)
        return {
            "id": f"echo {self.user_id}",
            "sudo": 'shift; exec "$@"' if self.sudo else "exit 1",
            "dpkg-query": f'case "$4" in {cases}*) exit 1;; esac',
            "apt-get": f'[ "$1" = update ] || cat "{self.root}/policy-rc.d" >>"{self.root}/log"',
            "update-rc.d": "",
            "chmod": "",
        }

    def _prepared(self, checkout: Path) -> None:
        """A .venv that needs nothing: these tests are about the system's packages."""
        binaries = checkout / ".venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "python").write_text("#!/bin/sh\n")
        (binaries / "python").chmod(0o755)
        key = subprocess.run(
            "{ cat requirements/lock.txt pyproject.toml; pwd; } | sha256sum | cut -d ' ' -f 1",
            shell=True, cwd=checkout, capture_output=True, text=True, check=True,
        )  # fmt: skip
        (checkout / ".venv" / f".prepared-{key.stdout.strip()}").touch()


EVERYTHING = (
    *("git", "make", "openssh-client", "openssh-server"),
    *("openssh-sftp-server", "postgresql", "rsync", "util-linux", "curl", "wget"),
)


def test_nothing_to_do_is_silent_and_asks_nothing_of_the_system(tmp_path: Path) -> None:
    machine = Machine(tmp_path, installed=EVERYTHING)
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "apt-get" not in machine.asked()
    assert "sudo" not in machine.asked()


def test_without_rights_one_line_names_what_is_missing(tmp_path: Path) -> None:
    machine = Machine(tmp_path, installed=tuple(name for name in EVERYTHING if name not in {"rsync", "postgresql"}))
    done = machine.run()
    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        "setup: missing Debian packages, please install them: apt-get install postgresql rsync "
    ]
    assert "apt-get" not in machine.asked()


@pytest.mark.parametrize(("user_id", "sudo"), [(0, False), (1000, True)])
def test_with_rights_packages_are_installed_and_their_services_neither_started_nor_enabled(
    tmp_path: Path, user_id: int, sudo: bool
) -> None:
    machine = Machine(tmp_path, installed=EVERYTHING[:3], user_id=user_id, sudo=sudo)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    asked = machine.asked()
    assert "apt-get install -y -qq --no-install-recommends openssh-server openssh-sftp-server postgresql" in asked
    assert "exit 101" in asked, "while packages are installed, policy forbids starting their services"
    assert "update-rc.d ssh disable" in asked
    assert "update-rc.d postgresql disable" in asked
    assert not (tmp_path / "policy-rc.d").exists(), "the policy is ours for as long as it takes"


def test_a_policy_of_the_machines_owner_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "policy-rc.d").write_text("#!/bin/sh\nexit 102\n")
    machine = Machine(tmp_path, user_id=0)
    assert machine.run().returncode == 0
    assert (tmp_path / "policy-rc.d").read_text() == "#!/bin/sh\nexit 102\n"


def test_a_failed_installation_fails_and_takes_its_policy_away(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user_id=0, programs={"apt-get": '[ "$1" = update ] || { echo broken >&2; exit 100; }'})
    done = machine.run()
    assert done.returncode != 0
    assert "setup: apt-get failed" in done.stderr
    assert not (tmp_path / "policy-rc.d").exists()


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("...\n2 failed, 7 passed in 3.21s\nmake: *** [Makefile:26: test] Error 1", 2),
        ("...\n9 passed, 1 warning in 61.20s (0:01:01)", 0),
    ],
)
def test_ci_ends_with_the_closing_line_of_pytest_and_the_exit_code_of_make(
    tmp_path: Path, output: str, code: int
) -> None:
    make = tmp_path / "make"
    make.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n")
    make.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == output.splitlines()[1]


def test_ci_fails_when_make_fails_before_pytest(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text("#!/bin/sh\necho 'src/x.py:1: error: 3 passed in the wrong place'\nexit 2\n")
    make.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1


def test_the_scripts_are_executable_and_valid_shell() -> None:
    for path in (ROOT / "setup" / "prepare.sh", ROOT / "setup" / "lock.sh", ROOT / ".ci" / "run"):
        assert os.access(path, os.X_OK)
        subprocess.run(["bash", "-n", str(path)], check=True)
