"""Signing in: whom we believe before anything secret leaves, what is kept, and what is refused."""

import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import click
import msgspec
import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import (
    INVITATION,
    PASSWORD,
    TOTP_CODE,
    TOTP_SECRET,
    Installation,
    Seen,
    StubAuthority,
    pem,
    problem,
)

from doorward.api.bodies.sign_ins import GatewayNames
from doorward.base.errors import Invalid
from doorward.cli.commands.login import checked_url
from doorward.cli.keep import SIGN_IN_FILES
from doorward.cli.prompts import Prompts

WRONG_PIN = "sha256:" + "0" * 64


def test_sign_in_behind_a_pin_leaves_every_file_for_its_owner_alone(dw: CommandLine, stub: StubAuthority) -> None:
    done = dw.login(stub)
    assert (done.exit_code, done.err) == (0, "")
    assert done.out.startswith("signed in as alice until ")
    assert stat.S_IMODE(dw.home.stat().st_mode) == 0o700
    names = {path.name for path in dw.home.iterdir()}
    assert names == {*SIGN_IN_FILES, "known_hosts", "profile.json", "root.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in dw.home.iterdir()} == {0o600}


def test_stock_ssh_keygen_reads_the_key_and_the_certificate(alice: CommandLine, stub: StubAuthority) -> None:
    shown = subprocess.run(
        ["/usr/bin/ssh-keygen", "-Lf", str(alice.home / "id_ed25519-cert.pub")], capture_output=True, check=True
    ).stdout.decode()
    assert f"dwu:{stub.user_id}" in shown
    public = subprocess.run(
        ["/usr/bin/ssh-keygen", "-yf", str(alice.home / "id_ed25519")], capture_output=True, check=True
    ).stdout.decode()
    assert public.split()[:2] == (alice.home / "id_ed25519.pub").read_text().split()[:2]


def test_private_keys_never_leave(alice: CommandLine, stub: StubAuthority) -> None:
    sent = b"".join(seen.body for seen in stub.seen)
    assert b"PRIVATE" not in sent
    assert (alice.home / "x509.key").read_text() not in sent.decode()


def test_wrong_pin_sends_nothing_but_the_public_question(dw: CommandLine, stub: StubAuthority) -> None:
    done = dw("login", stub.url, "--user", "alice", "--ca-pin", WRONG_PIN, "--password-stdin", stdin=f"{PASSWORD}\n1\n")
    assert done.exit_code == 3
    assert [(seen.method, seen.path, seen.body) for seen in stub.seen] == [("GET", "/v1/trust", b"")]
    assert not dw.home.exists()


def test_who_shows_the_pinned_root_without_its_keys_learns_nothing(
    dw: CommandLine, stub: StubAuthority, tmp_path: Path
) -> None:
    with StubAuthority(tmp_path) as thief:
        thief.answers["GET /v1/trust"] = (200, stub.trust())
        words = ("login", thief.url, "--user", "alice", "--ca-pin", stub.pin, "--password-stdin")
        done = dw(*words, stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
        assert done.exit_code == 5
        assert "certificate" in done.err
        assert [seen.path for seen in thief.seen] == ["/v1/trust"]


def test_without_a_pin_an_unknown_authority_is_not_trusted(dw: CommandLine, stub: StubAuthority) -> None:
    done = dw("login", stub.url, "--user", "alice", "--password-stdin", stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
    assert done.exit_code == 5
    assert stub.seen == []


def test_public_tls_is_trusted_without_a_pin(
    dw: CommandLine, stub: StubAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "public.pem").write_text(pem(stub.installation.root.certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    done = dw("login", stub.url, "--user", "alice", "--password-stdin", stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
    assert done.exit_code == 0
    assert not (dw.home / "root.pem").exists()


def test_another_name_than_the_certificate_s_is_refused(dw: CommandLine, tmp_path: Path) -> None:
    with StubAuthority(tmp_path, names=["elsewhere.example"]) as stub:
        assert dw.login(stub).exit_code == 5
        assert stub.asked("POST /v1/sign-ins") == []


def test_the_pin_holds_for_the_next_sign_in(alice: CommandLine, stub: StubAuthority) -> None:
    done = alice("login", stub.url, "--password-stdin", stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
    assert done.exit_code == 0
    assert len(stub.asked("GET /v1/trust")) == 1
    assert stub.asked("POST /v1/sign-ins")[1].json["user_name"] == "alice"


def test_without_an_address_it_is_where_one_signed_in_before(alice: CommandLine, stub: StubAuthority) -> None:
    alice("logout")
    assert alice("status").err == "dw: not signed in; run dw login\n"
    done = alice("login", "--password-stdin", stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
    assert (done.exit_code, done.err) == (0, "")
    assert len(stub.asked("GET /v1/trust")) == 1  # the pin that was kept is believed
    assert stub.asked("POST /v1/sign-ins")[1].json["user_name"] == "alice"


def test_without_an_address_the_first_time_it_says_what_is_missing(dw: CommandLine) -> None:
    done = dw("login")
    assert (done.exit_code, done.out) == (2, "")
    assert "write dw login URL|HOST[:PORT]" in done.err


def test_a_root_that_was_exchanged_on_disk_is_not_believed(alice: CommandLine, stub: StubAuthority) -> None:
    (alice.home / "root.pem").write_text(pem(Installation().root.certificate))
    assert alice("status").exit_code == 3
    assert stub.asked("GET /v1/status") == []


def test_a_wrong_password_is_refused_and_leaves_nothing(dw: CommandLine, stub: StubAuthority) -> None:
    words = ("login", stub.url, "--user", "alice", "--ca-pin", stub.pin, "--password-stdin")
    done = dw(*words, stdin=f"wrong\n{TOTP_CODE}\n")
    assert (done.exit_code, done.out) == (3, "")
    assert done.err == "dw: signing in: the name, the password or the code is wrong\n"
    assert not dw.home.exists()


def test_redirects_are_not_followed(dw: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    with StubAuthority(tmp_path) as other:
        stub.answers["POST /v1/sign-ins"] = (307, f"{other.url}/v1/sign-ins".encode())
        assert dw.login(stub).exit_code == 5
        assert other.seen == []


def test_proxies_of_the_environment_are_ignored(
    dw: CommandLine, stub: StubAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert dw.login(stub).exit_code == 0


def test_enrolment_shows_the_secret_then_sets_both_factors_at_once(dw: CommandLine, stub: StubAuthority) -> None:
    words = ("login", stub.url, "--code", INVITATION, "--ca-pin", stub.pin, "--password-stdin")
    done = dw(*words, stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
    assert done.exit_code == 0, done.err
    assert f"totp-secret: {TOTP_SECRET}\n" in done.out
    assert "totp-uri: otpauth://totp/" in done.out
    assert stub.asked("POST /v1/enrolments/complete")[0].json["password"] == PASSWORD


def test_the_prompt_for_a_password_says_how_long_it_has_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(label: str, **_: object) -> str:
        asked.append(label)
        return PASSWORD

    monkeypatch.setattr(click, "prompt", answer)
    assert Prompts(from_stdin=False).new_password().reveal_text() == PASSWORD
    assert asked == ["New password (at least 12 characters)", "The same again"]


def test_a_short_password_is_refused_before_it_is_sent(dw: CommandLine, stub: StubAuthority) -> None:
    words = ("login", stub.url, "--code", INVITATION, "--ca-pin", stub.pin, "--password-stdin")
    done = dw(*words, stdin=f"short\n{TOTP_CODE}\n")
    assert done.exit_code == 1
    assert "at least 12 characters; the one-time code is still good; the next try shows another totp-secret" in done.err
    assert stub.asked("POST /v1/enrolments/complete") == []


@pytest.mark.parametrize(
    "change",
    [
        {"ssh_certificate": "ssh-ed25519 AAAA"},
        {"x509_chain_pem": "nothing"},
        {"x509_root_pem": "nothing"},
        {"x509_root_pem": pem(Installation().root.certificate)},
        {"user_id": "a" * 26},
        {"sign_in_id": "a" * 26},
        {"installation_id": "a" * 26},
        {"node_suffix": "dw\n* ssh-ed25519"},
        {"node_suffix": "*"},
        {"face_authorities": []},
        {"face_authorities": ["ssh-ed25519 AAAA\n* ssh-ed25519 BBBB"]},
        {"gateways": [GatewayNames(["good.example,*"])]},
        {"gateways": [GatewayNames(["-oProxyCommand=evil"])]},
        {"gateways": [GatewayNames(["a b"])]},
        {"expires": "2026-01-01T00:00:00"},
        {"expires": "soon"},
    ],
)
def test_an_answer_that_does_not_fit_is_kept_nowhere(
    dw: CommandLine, stub: StubAuthority, change: dict[str, object]
) -> None:
    def answer(seen: Seen) -> tuple[int, object]:
        return 201, msgspec.structs.replace(stub.signed_in(seen.json["keys"]), **change)

    stub.answers["POST /v1/sign-ins"] = answer
    assert dw.login(stub).exit_code == 5
    assert not (dw.home / "profile.json").exists()
    assert not (dw.home / "door").exists()
    assert not (dw.home / "known_hosts").exists()


def test_a_certificate_for_another_key_is_not_kept(dw: CommandLine, stub: StubAuthority) -> None:
    dw.login(stub)
    old = stub.asked("POST /v1/sign-ins")[0].json["keys"]
    shutil.rmtree(dw.home)
    stub.answers["POST /v1/sign-ins"] = lambda _: (201, stub.signed_in(old))
    assert dw.login(stub).exit_code == 5
    assert not (dw.home / "profile.json").exists()


def test_a_server_below_tls_1_3_is_not_spoken_to(dw: CommandLine, tmp_path: Path) -> None:
    with StubAuthority(tmp_path, version=ssl.TLSVersion.TLSv1_2) as old:
        assert dw.login(old).exit_code == 5
        assert old.seen == []


def test_control_characters_in_answers_never_reach_the_terminal(dw: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/sign-ins"] = problem(403, "refused", "no\x1b[2J\u202eway")
    done = dw.login(stub)
    assert done.err == "dw: no\\x1b[2J\\u202eway\n"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("door.example", "https://door.example:3443"),
        ("door.example:443", "https://door.example:443"),
        ("https://door.example", "https://door.example:443"),
        ("https://door.example:3443/", "https://door.example:3443"),
        ("[::1]:3443", "https://[::1]:3443"),
    ],
)
def test_addresses_become_one_form(address: str, url: str) -> None:
    assert checked_url(address) == url


@pytest.mark.parametrize(
    "address",
    [
        "http://door.example",
        "ssh://x",
        "https://u:p@x",
        "https://x/path",
        "https://x?q",
        "",
        "a b",
        "x:99999",
        "-o",
        "a\nb",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(Invalid):
        checked_url(address)


def marking(stub: StubAuthority, mark: str) -> None:
    """From now on a sign-in leaves this mark."""
    stub.answers["POST /v1/sign-ins"] = lambda seen: (
        201,
        msgspec.structs.replace(stub.signed_in(seen.json["keys"]), device=mark),
    )


def shown_marks(stub: StubAuthority) -> list[str]:
    return [seen.json["device"] for seen in stub.seen if seen.path == "/v1/sign-ins"]


def test_mark_of_the_device_is_kept_for_its_owner_outlives_the_sign_in_and_is_shown_again(
    dw: CommandLine, stub: StubAuthority
) -> None:
    marking(stub, "first.mark")
    assert dw.login(stub).exit_code == 0
    kept = dw.home / "device"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    dw("logout")
    assert kept.read_text() == "first.mark\n"
    marking(stub, "second.mark")
    assert dw.login(stub).exit_code == 0
    assert shown_marks(stub) == ["", "first.mark"]
    assert kept.read_text() == "second.mark\n"


@pytest.mark.parametrize("mark", ["x" * 129, "two\nlines", "\x1b[2J", "caf\xe9"])
def test_mark_that_is_none_is_not_kept(dw: CommandLine, stub: StubAuthority, mark: str) -> None:
    marking(stub, mark)
    assert dw.login(stub).exit_code != 0
    assert not (dw.home / "device").exists()
