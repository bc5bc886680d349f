"""What is measured: the rows of the table, their targets, and whether a figure meets its own."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `part` names the module group that measures it."""

    key: str
    text: str
    target: float
    unit: str
    part: str
    more_is_better: bool = False

    def is_met(self, figure: float) -> bool:
        """Whether `figure` reaches the target."""
        return figure >= self.target if self.more_is_better else figure <= self.target

    @property
    def target_text(self) -> str:
        """For people: `≤ 60 ms`."""
        return f"{'≥' if self.more_is_better else '≤'} {self.target:,g}{f' {self.unit}' if self.unit else ''}"


ROWS: Final = (
    Row("ssh_setup_vs_direct", "`ssh host true`, new connection, p50, ratio to direct", 0.8, "", "ssh"),
    Row("ssh_setup_vs_jump", "the same, ratio to ProxyJump", 0.5, "", "ssh"),
    Row(
        "ssh_bulk_chacha_vs_jump", "1 GiB below `strict`, chacha20, throughput ratio to ProxyJump", 0.9, "", "ssh", True
    ),
    Row("ssh_bulk_gcm_vs_jump", "the same, aes128-gcm", 0.75, "", "ssh", True),
    Row("ssh_bulk_recorded_vs_jump", "the same, every byte recorded, aes128-gcm", 0.5, "", "ssh", True),
    Row("ssh_echo_added_p99_ms", "keystroke echo added to direct, p99, beside `dw ls` of 10,000 nodes", 2, "ms", "ssh"),
    Row("ssh_sessions_per_core_s", "new proxied sessions per CPU second of the gateway", 80, "", "ssh", True),
    Row("ssh_idle_session_kib", "gateway memory per idle recorded session, 500 open", 128, "KiB", "ssh"),
    Row("dw_startup_ms", "`dw ssh` added to `ssh`, p50", 60, "ms", "startup"),
    Row("decide_per_core_s", "decisions per second of one core", 40_000, "", "decide", True),
    Row("list_10k_ms", "`dw ls` of 10,000 nodes, server side, p50", 200, "ms", "authority"),
    Row("sign_per_core_s", "session certificates per CPU second of the signer", 5_000, "", "sign", True),
    Row(
        "audit_append_s", "64 concurrent durable operations of one event, SQLite, per second", 5_000, "", "audit", True
    ),
    Row("audit_append_pg_s", "the same, PostgreSQL", 5_000, "", "audit", True),
    Row("operations_s", "whole `open_session` operations per CPU second of the authority", 300, "", "authority", True),
)
PARTS: Final = tuple(dict.fromkeys(row.part for row in ROWS))
