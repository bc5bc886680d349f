"""What `doorward serve` is told: one small YAML file, checked whole before anything starts.

Unknown keys are errors; every value has a default that is safe on one machine. Paths are absolute or relative to the
data directory.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from doorward.base.errors import Invalid
from doorward.domain.kinds.positioned import InvalidDocuments, Table, to_plain
from doorward.domain.kinds.yaml_text import parse_yaml
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.main.recording_limits import BadLimits, parse_limits
from doorward.main.role_users import BadUsers, RoleUsers, parse_users

FILE_NAME: Final = "doorward.yaml"
FILE_BYTES_MAX: Final = 65_536
NAMES_MAX: Final = 16
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SUFFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)


class BadSettings(Invalid):
    """The configuration file, or a path on its way, is wrong."""

    code = "bad_settings"


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or IP literal) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and key for a public name, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an administrator may choose. `names` are host names or addresses under which users come."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    listen: Address = Address("127.0.0.1", 3443)
    authority_listen: Address = Address("127.0.0.1", 3444)
    metrics_listen: Address = Address("127.0.0.1", 3445)
    gateway_metrics_listen: Address | None = None
    node_suffix: str = "dw"
    store: str = ""
    key_encryption_key: str = ""
    tls: TlsFiles | None = None
    recording: RecorderLimits = field(default_factory=RecorderLimits)
    users: RoleUsers | None = None


def parse_address(text: object, field: str) -> Address:
    """`HOST:PORT` or `[IPV6]:PORT`; `BadSettings` names the field otherwise."""
    if isinstance(text, str):
        host, _, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if _PORT.fullmatch(port) is not None and int(port) < 65_536 and is_host(bare):
            return Address(bare, int(port))
    raise BadSettings(f"reading {field}: HOST:PORT is expected")


def is_host(text: str) -> bool:
    """Whether `text` is a lower-case host name, or an IP literal in its usual form: certificates hold no other."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= 253 and _HOST.fullmatch(text) is not None
    return str(address) == text and "%" not in text


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= NAMES_MAX:
        raise BadSettings(f"reading names: a list of 1 to {NAMES_MAX} host names is expected")
    for name in value:
        if not isinstance(name, str) or not is_host(name):
            raise BadSettings("reading names: lower-case host names or addresses are expected")
    return tuple(dict.fromkeys(value))


def _tls(value: object, base: Path) -> TlsFiles:
    if not isinstance(value, Mapping) or set(value) != {"certificate", "key"}:
        raise BadSettings("reading tls: exactly certificate and key are expected")
    certificate, key = _text(value["certificate"], "tls.certificate"), _text(value["key"], "tls.key")
    if not certificate or not key:
        raise BadSettings("reading tls: two files are expected")
    return TlsFiles(base / certificate, base / key)


def _limits(value: object) -> RecorderLimits:
    try:
        return parse_limits(value)
    except BadLimits as error:
        raise BadSettings(error.message) from error


def _users(value: object) -> RoleUsers:
    try:
        return parse_users(value)
    except BadUsers as error:
        raise BadSettings(error.message) from error


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise BadSettings(f"reading {field}: a text is expected")
    return value


def _suffix(value: object) -> str:
    if not isinstance(value, str) or _SUFFIX.fullmatch(value) is None:
        raise BadSettings("reading node_suffix: one lower-case label is expected, as in dw")
    return value


def parse_settings(text: str, base: Path) -> Settings:
    """Settings from YAML text; `base` is what relative paths stand on."""
    if len(text) > FILE_BYTES_MAX:
        raise BadSettings(f"reading the configuration: more than {FILE_BYTES_MAX} bytes")
    found = _mapping(text)
    readers: dict[str, Callable[[object], Any]] = {
        "names": _names,
        "listen": lambda value: parse_address(value, "listen"),
        "authority_listen": lambda value: parse_address(value, "authority_listen"),
        "metrics_listen": lambda value: parse_address(value, "metrics_listen"),
        "gateway_metrics_listen": lambda value: parse_address(value, "gateway_metrics_listen"),
        "node_suffix": _suffix,
        "store": lambda value: _text(value, "store"),
        "key_encryption_key": lambda value: _text(value, "key_encryption_key"),
        "tls": lambda value: _tls(value, base),
        "recording": _limits,
        "users": _users,
    }
    unknown = sorted(str(key) for key in found if key not in readers)
    if unknown:
        known = ", ".join(sorted(readers))
        raise BadSettings(f"reading the configuration: unknown key {unknown[0]!r}; known are {known}")
    return Settings(**{key: readers[key](value) for key, value in found.items()})


def _mapping(text: str) -> dict[str, Any]:
    try:
        documents = parse_yaml(text, FILE_NAME)
    except InvalidDocuments as error:
        raise BadSettings(f"reading the configuration: {error.problems[0]}") from error
    if len(documents) > 1 or not all(isinstance(one, Table) for one in documents):
        raise BadSettings("reading the configuration: one mapping is expected")
    return dict(to_plain(documents[0])) if documents else {}


def load_settings(file: Path, data: Path) -> Settings:
    """Settings from a file; a missing file is an error, since a typo must not fall back to defaults."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"reading the configuration {file}: {error}") from error
    return parse_settings(text, data)


def dump_settings(settings: Settings) -> str:
    """The text that `init` writes: what a person is likely to change, and what they chose."""
    written: dict[str, object] = {
        "names": list(settings.names),
        "listen": str(settings.listen),
        "authority_listen": str(settings.authority_listen),
        "metrics_listen": str(settings.metrics_listen),
        "node_suffix": settings.node_suffix,
    }
    chosen: dict[str, object] = {"store": settings.store, "key_encryption_key": settings.key_encryption_key}
    if settings.gateway_metrics_listen is not None:
        chosen["gateway_metrics_listen"] = str(settings.gateway_metrics_listen)
    if settings.users is not None:
        chosen["users"] = asdict(settings.users)
    return yaml.safe_dump({**written, **{name: value for name, value in chosen.items() if value}}, sort_keys=False)
