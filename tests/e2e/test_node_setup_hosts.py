"""The set-up script on hosts of many kinds: other versions of OpenSSH, other places to listen, fewer tools.

What an older or newer sshd says is said by a program in front of the real one, which knows one setting more.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.support.accounts import account
from tests.support.house import ROOT, House
from tests.support.node_lab import declared, everything, programs, run_script
from tests.support.openssh import SSH, SSHD, Sshd, SshdSettings

LOGIN = account(ROOT).login
# The tools that the script names itself, and the shell.
TOOLS = (
    *("awk", "cat", "chmod", "cmp", "cp", "cut", "date", "grep", "id", "mkdir", "mv", "paste", "readlink", "rm"),
    *("sed", "sleep", "sort", "ssh", "ssh-keygen", "tr", "sh", "kill"),
)
NEWER = f"""\
mode=$1 file=$3; shift 3
grep -vi '^persourcepenalty' "$file" > "$0.$$"
{SSHD} "$mode" -f "$0.$$" "$@" || exit
rm "$0.$$"
[ "$mode" = -t ] || awk 'tolower($1) == "persourcepenaltyexemptlist" {{f = $2; exit}}
    END {{print "persourcepenaltyexemptlist " (f ? f : "none")}}' "$file" """
OLDER = f"""\
said=$(awk 'tolower($1) == "challengeresponseauthentication" {{print $2; exit}}' "$3")
{SSHD} "$@" > "$0.$$" || exit
echo "challengeresponseauthentication ${{said:-yes}}" >> "$0.$$"
[ "${{said:-yes}}" = no ] || sed -i 's/^kbdinteractiveauthentication no/kbdinteractiveauthentication yes/' "$0.$$"
[ "$1" = -t ] || cat "$0.$$"
rm "$0.$$" """


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    with Sshd(SshdSettings()) as server:
        yield server


def script(house: House, name: str, *words: str) -> str:
    return house.admin.dw("nodes", "setup", name, "--login", LOGIN, *words)


def another_root() -> str:
    """A root certificate that says what an installation's does, of a key that nobody knows."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Doorward root")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, None)
    return made.public_bytes(Encoding.PEM).decode()


def prepend(sshd: Sshd, text: str) -> None:
    file = sshd.directory / "sshd_config"
    file.write_text(text + file.read_text())


@pytest.mark.parametrize(("own", "listed"), [("", ""), ("198.51.100.0/24,192.0.2.9", "198.51.100.0/24,192.0.2.9,")])
def test_gateways_are_added_to_the_hosts_own_list_of_exempt_addresses(
    house: House, sshd: Sshd, tmp_path: Path, own: str, listed: str
) -> None:
    """The running sshd does not know the setting, so it reads a copy without it."""
    real, ours = sshd.directory / "sshd_config", sshd.directory / "newer_config"
    ours.write_text(real.read_text() + (f"PerSourcePenaltyExemptList {own}\n" if own else ""))
    programs(tmp_path, sshd=NEWER)
    changes = {
        "DOORWARD_SSHD": f"{tmp_path}/sshd",
        "DOORWARD_SSHD_CONFIG": str(ours),
        "DOORWARD_RELOAD": f"grep -v PerSourcePenalty {ours} > {real}; kill -HUP {sshd.pid}",
    }
    before = ours.read_text()
    words = ("--gateway-address", "192.0.2.9", "--gateway-address", "2001:db8::/64")
    text = script(house, declared(house.admin, sshd, f"newer-{len(own)}"), *words)
    done = run_script(text, sshd, changes=changes)
    assert done.returncode == 0, done.stderr
    first = next(line for line in ours.read_text().splitlines() if line.startswith("PerSourcePenalty"))
    expected = f"{listed}2001:db8::/64" if own else "192.0.2.9,2001:db8::/64"
    assert first == f"PerSourcePenaltyExemptList {expected}"
    assert run_script(text, sshd, "--remove", changes=changes).returncode == 0
    assert ours.read_text() == before


def test_exclusive_turns_off_what_older_versions_turn_on_again(house: House, sshd: Sshd, tmp_path: Path) -> None:
    programs(tmp_path, sshd=OLDER)
    text = script(house, declared(house.admin, sshd, "older-01"), "--exclusive")
    done = run_script(text, sshd, changes={"DOORWARD_SSHD": f"{tmp_path}/sshd"})
    assert done.returncode == 0, done.stderr
    assert "ChallengeResponseAuthentication no\n" in (sshd.directory / "sshd_config").read_text()


def test_ways_that_are_off_stay_off_in_a_later_run_and_meanwhile(house: House, sshd: Sshd, tmp_path: Path) -> None:
    name = declared(house.admin, sshd, "stay-01")
    assert run_script(script(house, name, "--exclusive"), sshd).returncode == 0
    once = (sshd.directory / "sshd_config").read_text()
    seen = tmp_path / "seen"
    path = programs(tmp_path / "bin", ssh=f'cat {sshd.directory}/sshd_config >> {seen}\nexec {SSH} "$@"')
    done = run_script(script(house, name), sshd, changes={"PATH": path})
    assert done.returncode == 0, done.stderr
    assert "stay off" in done.stdout
    assert seen.read_text() == once
    assert (sshd.directory / "sshd_config").read_text() == once


def test_the_log_in_is_tried_where_sshd_listens(house: House, sshd: Sshd) -> None:
    file = sshd.directory / "sshd_config"
    file.write_text(file.read_text().replace("ListenAddress 127.0.0.1", "ListenAddress 127.0.0.2"))
    os.kill(sshd.pid, signal.SIGHUP)
    name = declared(house.admin, sshd, "listen-01")
    done = run_script(script(house, name), sshd, changes={"DOORWARD_CHECK_PORT": ""})
    assert done.returncode == 0, done.stderr
    assert f"Accepted publickey for {LOGIN} from 127.0.0.2" in sshd.log_text()


@pytest.mark.parametrize(
    ("include", "says"),
    [
        ("Include {folder}/outer.conf", "a Match block sets passwordauthentication"),
        ('Include "{folder}/with space/*.conf"', "a Match block sets passwordauthentication"),
        ("include={folder}/outer.conf", "a Match block sets passwordauthentication"),
        ('"Include" {folder}/none.conf {folder}/outer.conf # all', "a Match block sets passwordauthentication"),
        ("Include '{folder}/outer.conf'", "can not follow"),
        ("Include {folder}/out\\er.conf", "can not follow"),
    ],
)
def test_exclusive_follows_includes_as_sshd_does(house: House, sshd: Sshd, include: str, says: str) -> None:
    match = 'Match Address "192.0.2.0/24"\n\t"PasswordAuthentication" yes\n'
    (sshd.directory / "with space").mkdir()
    (sshd.directory / "with space" / "inner.conf").write_text(match)
    (sshd.directory / "outer.conf").write_text(f'# outer\nInclude "{sshd.directory}/with space/inner.conf"\n')
    prepend(sshd, include.format(folder=sshd.directory) + "\n")
    name = declared(house.admin, sshd, f"include-{abs(hash(include)) % 10**8}")
    before = everything(sshd)
    done = run_script(script(house, name, "--exclusive"), sshd)
    assert done.returncode == 1
    assert says in done.stderr
    assert everything(sshd) == before


def test_included_snippets_of_the_distribution_do_not_hide_the_block(house: House, sshd: Sshd) -> None:
    (sshd.directory / "cloud.conf").write_text("PasswordAuthentication yes\nAuthorizedPrincipalsFile none\n")
    prepend(sshd, f"Include {sshd.directory}/*.conf\n")
    done = run_script(script(house, declared(house.admin, sshd, "snippet-01"), "--exclusive"), sshd)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lost", ["# END doorward\n", "# BEGIN doorward"])
@pytest.mark.parametrize("words", [(), ("--remove",)], ids=["again", "remove"])
def test_a_block_that_lost_one_of_its_ends_is_refused(
    house: House, sshd: Sshd, lost: str, words: tuple[str, ...]
) -> None:
    name = declared(house.admin, sshd, f"block-{lost[2:5].lower()}-{len(words)}")
    assert run_script(script(house, name), sshd).returncode == 0
    file = sshd.directory / "sshd_config"
    file.write_text(file.read_text().replace(lost, "" if lost.endswith("\n") else "# what was here"))
    before = everything(sshd)
    done = run_script(script(house, name), sshd, *words)
    assert done.returncode == 1
    assert "mend it by hand" in done.stderr
    assert everything(sshd) == before


@pytest.mark.parametrize("fetcher", ["curl", "python3", "wget"])
def test_few_tools_will_do_and_none_believes_another_root(
    house: House, sshd: Sshd, tmp_path: Path, fetcher: str
) -> None:
    for tool in [*TOOLS, *([] if fetcher == "python3" else [fetcher])]:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    if fetcher == "python3":
        (tmp_path / "python3").symlink_to(os.path.realpath(sys.executable))
    text = script(house, declared(house.admin, sshd, f"tools-{fetcher}"))
    root = text.split("DOORWARD_ROOT_PEM='")[1].split("'")[0]
    other = run_script(text.replace(root, another_root()), sshd, changes={"PATH": str(tmp_path)})
    assert other.returncode == 1
    assert "does not answer" in other.stderr
    done = run_script(text, sshd, changes={"PATH": str(tmp_path)}, umask=0o002)
    assert done.returncode == 0, done.stderr
    folder = sshd.directory / "doorward"
    assert [folder.stat().st_mode & 0o777, (folder / "principals").stat().st_mode & 0o777] == [0o755, 0o755]
    for file in (folder / "principals" / LOGIN, folder / "session_authorities.pub"):
        assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o644, os.geteuid())


def test_a_host_without_any_is_told_so(house: House, sshd: Sshd, tmp_path: Path) -> None:
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    programs(tmp_path, wget="echo busybox")
    before = everything(sshd)
    text = script(house, declared(house.admin, sshd, "tools-none"))
    done = run_script(text, sshd, changes={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "neither curl nor python3 nor GNU wget" in done.stderr
    assert everything(sshd) == before


class OnDemand:
    """Starts an sshd for each connection, as systemd's ssh.socket does."""

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                words = [SSHD, "-i", "-f", str(self._configuration)]
                subprocess.run(
                    words, stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL, check=False
                )


def test_an_sshd_that_systemd_starts_by_a_socket_needs_no_reload(house: House, sshd: Sshd, tmp_path: Path) -> None:
    listener = OnDemand(sshd.directory / "sshd_config")
    systemctl = f"""\
case "$*" in
    *is-active*ssh.socket) exit 0 ;;
    show*Listen*ssh.socket) echo "127.0.0.1:{listener.port} (Stream)" ;;
    *) exit 3 ;;
esac"""
    changes = {"PATH": programs(tmp_path, systemctl=systemctl), "DOORWARD_RELOAD": "", "DOORWARD_CHECK_PORT": ""}
    try:
        done = run_script(script(house, declared(house.admin, sshd, "socket-01")), sshd, changes=changes)
    finally:
        listener.close()
    assert done.returncode == 0, done.stderr
    assert "nothing needs to be reloaded" in done.stdout
