"""The tree around the code: tests mirror it, the lock can be trusted, documents lead somewhere."""

import re
import tomllib

import pytest
from tests.support import tidy_tree
from tests.support.tidy_tree import ROOT, python_files, text_files

DECISIONS = ROOT / "docs" / "decisions"
HEX = "0" * 64
# The words of the trade that everything here is written in; docs/glossary.md says what each means.
NOUNS = (
    "access request", "account", "authority", "basis", "decision", "gateway", "grant", "lease", "lock", "node",
    "obligation", "person", "plan", "principal", "proof", "recording", "resource", "review", "role", "session",
    "sign-in", "signer", "stream", "trait", "upstream", "user", "work order",
)  # fmt: skip
# Words that the glossary replaces by another, and that no name in the code may hold.
REPLACED = re.compile(r"(?:^|_)(backend|asset|bastion|ban)(?:_|$)|Backend|Asset|Bastion", re.ASCII)


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_tests_mirror_the_code_by_folder() -> None:
    sources = [path.removeprefix("src/doorward/") for path, _ in python_files("src/doorward")]
    tests = [path.removeprefix("tests/") for path, _ in python_files("tests")]
    findings = tidy_tree.mirror_gaps(sources, tests)
    assert findings == [], "\n".join(findings)


@pytest.mark.parametrize(
    ("sources", "tests", "words"),
    [
        (["domain/access/decide.py"], [], "no tests in tests/domain/access"),
        (["domain/access/decide.py"], ["domain/access/builders.py"], "no tests in tests/domain/access"),
        (["base/ids.py"], ["base/test_ids.py", "elsewhere/test_x.py"], "mirrors nothing"),
    ],
)
def test_a_gap_in_the_mirror_is_found(sources: list[str], tests: list[str], words: str) -> None:
    findings = tidy_tree.mirror_gaps(sources, tests)
    assert len(findings) == 1
    assert words in findings[0]


def test_a_whole_mirror_has_no_gap() -> None:
    sources = ["domain/__init__.py", "domain/access/decide.py", "stores/sql/migrations/versions/0001.py"]
    assert tidy_tree.mirror_gaps(sources, ["domain/access/test_decide.py", "support/x.py", "e2e/ssh/test_x.py"]) == []


def test_the_lock_holds_pinned_names_with_hashes_and_nothing_else() -> None:
    assert tidy_tree.lock_faults((ROOT / "requirements" / "lock.txt").read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "click==8.5.1\n",
        "click==8.5.1 \\\n",
        f"click>=8 \\\n    --hash=sha256:{HEX}\n",
        f"--extra-{'index'}-url x\nclick==8.5.1 \\\n    --hash=sha256:{HEX}\n",
        f"click @ https://example.org/click.whl \\\n    --hash=sha256:{HEX}\n",
        f"click==8.5.1 \\\n    --hash=md5:{HEX}\n",
        f"# made by a tool\nclick==8.5.1 \\\n    --hash=sha256:{HEX}\n",
    ],
)
def test_a_lock_that_can_not_be_trusted_is_found(text: str) -> None:
    assert tidy_tree.lock_faults(text)


def test_the_lock_names_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    assert tidy_tree.lock_gaps(wanted, (ROOT / "requirements" / "lock.txt").read_text()) == []


def test_a_requirement_that_is_not_locked_is_found() -> None:
    assert tidy_tree.lock_gaps(["PyYAML>=6", "sqlalchemy[asyncio]>=2"], "pyyaml==6.0.3 \\\n") == [
        "sqlalchemy: in pyproject.toml and not in the lock; run `make lock`"
    ]


def test_no_file_names_a_package_source_or_a_path_of_somebodys_machine() -> None:
    findings = [finding for path, text in text_files() for finding in tidy_tree.addresses(path, text)]
    assert findings == [], "\n".join(findings)


@pytest.mark.parametrize("text", ["https://" + "pypi" + ".org/simple", "/home" + "/zoe/src/x", "/root" + "/.pyenv/bin"])
def test_an_address_is_found(text: str) -> None:
    assert tidy_tree.addresses("x.md", text)


def test_an_example_persons_home_is_no_machine() -> None:
    assert tidy_tree.addresses("x.md", "/home/alice/.ssh/id_ed25519 and /root/.ssh") == []


def test_documents_lead_somewhere() -> None:
    documents = [(path, text) for path, text in text_files() if path.endswith(".md")]
    assert len(documents) > 8
    findings = [finding for path, text in documents for finding in tidy_tree.dead_references(path, text)]
    assert findings == [], "\n".join(findings)


def test_a_reference_that_leads_nowhere_is_found() -> None:
    assert tidy_tree.dead_references("docs/x.md", "see `src/doorward/gone.py`", {})
    assert tidy_tree.dead_references("docs/x.md", "see [this](gone.md)", {"docs/here.md": True})
    assert not tidy_tree.dead_references("docs/x.md", "see [this](here.md#part)", {"docs/here.md": True})


def test_every_decision_record_is_whole_and_in_the_index() -> None:
    names = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert len(names) >= 2
    assert tidy_tree.unnamed(names, (DECISIONS / "README.md").read_text()) == []
    assert [fault for name in names for fault in tidy_tree.decision_faults(name, (DECISIONS / name).read_text())] == []
    numbers = [name[:4] for name in names]
    assert len(set(numbers)) == len(numbers)


def test_a_decision_record_that_lacks_a_part_is_found() -> None:
    whole = "# 1. Title\n\nStatus: accepted\nDate: 2026-01-01\n" + "".join(
        f"\n## {heading}\n\nText.\n" for heading in tidy_tree.DECISION_HEADINGS
    )
    assert tidy_tree.decision_faults("0001-title.md", whole) == []
    for heading in tidy_tree.DECISION_HEADINGS:
        assert tidy_tree.decision_faults("0001-title.md", whole.replace(f"## {heading}", "## Else"))
    assert tidy_tree.decision_faults("0001-title.md", whole.replace("Status", "State"))
    assert tidy_tree.unnamed(["0001-title.md"], "0002-other.md")


def test_the_glossary_says_what_each_noun_means() -> None:
    rows = {row.strip().lower() for row in re.findall(r"^\| \*{0,2}([^|*]+?)\*{0,2} \|", document("glossary.md"), re.M)}
    assert [noun for noun in NOUNS if noun not in rows] == []


def test_no_name_in_the_code_is_a_word_that_the_glossary_replaces() -> None:
    defined = re.compile(r"^\s*(?:class|def|async def)\s+(\w+)", re.M)
    names = [(path, name) for path, text in python_files("src") for name in defined.findall(text)]
    assert [found for found in names if REPLACED.search(found[1])] == []
    assert REPLACED.search("connect_backend")
    assert REPLACED.search("AssetList")
    assert not REPLACED.search("banner")


def test_every_promise_has_a_number_and_every_number_cited_is_a_promise() -> None:
    known = tidy_tree.cited_invariants(document("invariants.md"))
    assert {f"I-{number}" for number in range(1, 11)} <= known
    cited = {
        number
        for path, text in python_files("src", "tests")
        if not path.startswith("tests/architecture/")
        for number in tidy_tree.cited_invariants(text)
    }
    assert cited - known == set()


def test_numbers_of_promises_are_found_where_they_are_cited() -> None:
    assert tidy_tree.cited_invariants("keeps I-4.2 and (I-99), not XI-5") == {"I-4.2", "I-99"}


def test_every_decision_cited_is_there() -> None:
    known = {path.name[:4] for path in DECISIONS.glob("[0-9]*.md")}
    cited = [
        (path, number)
        for path, text in text_files()
        if path.endswith((".md", ".py")) and not path.startswith("tests/architecture/")
        for number in tidy_tree.cited_decisions(text)
        if number.startswith("00")  # years and ports are not records
    ]
    assert [one for one in cited if one[1] not in known] == []
    assert len({number for _, number in cited}) > 10


def test_a_decision_that_is_overruled_names_its_successor() -> None:
    texts = {path.name[:4]: path.read_text() for path in DECISIONS.glob("[0-9]*.md")}
    overruled = [(older, newer) for newer, text in texts.items() for older in tidy_tree.overruled_decisions(text)]
    silent = [pair for pair in overruled if not re.search(rf"^Status: .*\b{pair[1]}\b", texts[pair[0]], re.M)]
    assert silent == []
    assert ("0031", "0045") in overruled


def test_numbers_of_decisions_are_found_where_they_are_cited() -> None:
    text = "see ADR 0024, [0042](decisions/0042-x.md), decision 0007; not 0099 of them, nor mode 0600"
    assert tidy_tree.cited_decisions(text) == {"0024", "0042", "0007"}
    assert tidy_tree.overruled_decisions("(supersedes [0031](0031-x.md))\nAmends 0040: who") == {"0031", "0040"}


def test_code_speaks_of_documents_that_are_there() -> None:
    names = [path.rsplit("/", 1)[-1] for path, _ in text_files() if path.endswith(".md")]
    findings = [found for path, text in python_files("src") for found in tidy_tree.dead_documents(path, text, names)]
    assert findings == [], "\n".join(findings)


def test_a_document_that_is_not_there_is_found() -> None:
    assert tidy_tree.dead_documents("x.py", "# see gone.md 8", ["here.md"])
    assert tidy_tree.dead_documents("x.py", "# see docs/protocols/gone.md", ["here.md"])
    assert not tidy_tree.dead_documents("x.py", "# see docs/here.md, section 2", ["here.md"])


def test_readme_names_the_two_commands_and_the_changelog_its_next_release() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_the_one_that_the_project_file_names() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
