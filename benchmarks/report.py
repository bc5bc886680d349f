"""Writes what was measured: results.json with the keys of the table, and the table in docs/benchmarks.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import ROWS

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results.json"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- figures: written by `make bench` -->"
END: Final = "<!-- end of figures -->"


def results(figures: Mapping[str, float], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Rows first, then the targets, then what else was seen, then the machine."""
    rows = {row.key: figures[row.key] for row in ROWS if row.key in figures}
    targets = {
        row.key: {"target": row.target_text, "met": row.is_met(figures[row.key])} for row in ROWS if row.key in figures
    }
    beside = {key: figures[key] for key in sorted(figures) if key not in rows}
    return {**rows, "targets": targets, "beside": beside, **facts}


def table(found: Mapping[str, Any]) -> str:
    """The rows as Markdown, the machine, and what was seen beside them."""
    lines = ["| measure | key | target | measured | |", "|---|---|---|---|---|"]
    for row in ROWS:
        if row.key in found:
            met = "met" if found["targets"][row.key]["met"] else "**missed**"
            figure = f"{found[row.key]:,g}{f' {row.unit}' if row.unit else ''}"
            lines.append(f"| {row.text} | `{row.key}` | {row.target_text} | {figure} | {met} |")
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines += ["", f"Measured on {found['date']}: {found['cpu']}, {found['cores']} cores, Linux {found['kernel']}."]
    lines += [f"fdatasync p50 {found['fdatasync_p50_ms']} ms. Event loops: {found['event_loop']}.", f"{versions}."]
    lines += ["", "Beside them:", ""]
    lines += [f"- `{key}`: {value:,g}" for key, value in found["beside"].items()]
    return "\n".join(lines)


def write(found: Mapping[str, Any]) -> None:
    """Both files; the page keeps all that stands outside its markers."""
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{PAGE} lacks its markers")
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{after}", encoding="utf-8")
