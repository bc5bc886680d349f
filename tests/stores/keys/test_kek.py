"""The key-encryption key from each of its sources, and one clear line when it is not there."""

import base64
import os
from pathlib import Path

import pytest

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.secret import Secret
from doorward.stores.keys.kek import (
    KekCredential,
    KekEnvironment,
    KekFile,
    KekSource,
    create_kek_file,
    forget_kek_variable,
    load_kek,
    parse_kek_source,
)
from doorward.stores.keys.private_files import KeysRefused

KEK = bytes(range(32))
TEXT = base64.b64encode(KEK).decode()


def test_file_that_was_created_holds_a_fresh_key_of_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret" / "kek"
    created = create_kek_file(path, SeededEntropy(1))
    assert load_kek(KekFile(path), {}) == created
    assert len(created.reveal()) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    create_kek_file(tmp_path / "kek", SeededEntropy(1))
    with pytest.raises(KeysRefused, match="exists already"):
        create_kek_file(tmp_path / "kek", SeededEntropy(2))


def test_environment_gives_the_key_and_then_forgets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_KEK", TEXT)
    assert load_kek(KekEnvironment(), os.environ) == Secret(KEK)
    forget_kek_variable(KekEnvironment())
    assert "DOORWARD_KEK" not in os.environ


def test_credential_of_systemd_gives_the_key(tmp_path: Path) -> None:
    (tmp_path / "doorward-kek").write_text(TEXT)
    (tmp_path / "doorward-kek").chmod(0o440)
    assert load_kek(KekCredential(), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == Secret(KEK)


@pytest.mark.parametrize("source", [KekEnvironment(), KekCredential(), KekFile(Path("/nonexistent/kek"))])
def test_missing_key_is_one_clear_line(source: KekSource) -> None:
    with pytest.raises(KeysRefused) as caught:
        load_kek(source, {})
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "short", "x" * 44, base64.b64encode(KEK[:-1]).decode(), TEXT + TEXT, "é"])
def test_text_that_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(KeysRefused) as caught:
        load_kek(KekEnvironment(), {"DOORWARD_KEK": text})
    assert "does not hold 32 bytes" in caught.value.message
    assert not text or text not in caught.value.message
    assert caught.value.__cause__ is None


def test_file_readable_by_others_is_refused(tmp_path: Path) -> None:
    create_kek_file(tmp_path / "kek", SeededEntropy(1))
    (tmp_path / "kek").chmod(0o644)
    with pytest.raises(KeysRefused, match="open to others"):
        load_kek(KekFile(tmp_path / "kek"), {})


def test_sources_are_read_as_people_write_them() -> None:
    assert parse_kek_source("file:/etc/doorward/kek") == KekFile(Path("/etc/doorward/kek"))
    assert parse_kek_source("env:DOORWARD_KEK") == KekEnvironment("DOORWARD_KEK")
    assert parse_kek_source("credential:doorward-kek") == KekCredential("doorward-kek")


@pytest.mark.parametrize(
    "text", ["", "file:", "file:kek", "env:", "credential:../kek", "credential:", "vault:x", "/kek"]
)
def test_source_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_kek_source(text)
