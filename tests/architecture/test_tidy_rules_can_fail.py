"""Each tidy rule finds what it is for, and lets a good file pass: a rule that can not fail keeps nothing."""

import pytest
from tests.support import tidy

# The samples hold what the rules look for, assembled where another rule would find it in this file.
WORD = "TO" + "DO"
IGNORE = "# type: " + "ignore"
BAD = [
    (tidy.too_long, "x = 1\n" * 401),
    (tidy.long_functions, "def f() -> None:\n" + "    x = 1\n" * 60),
    (tidy.long_functions, "async def f() -> None:\n" + "    x = 1\n" * 60),
    (tidy.without_docstring, "import re\n"),
    (tidy.without_docstring, ""),
    (tidy.banned_words, f"x = 1  # {WORD}: finish\n"),
    (tidy.banned_words, "# good enough for" + " now\n"),
    (tidy.banned_words, "def stub() -> None: ...\n"),
    (tidy.banned_words, "raise NotImplemented" + "Error\n"),
    (tidy.skipped_tests, "import pytest\n\npytest.sk" + "ip('no server')\n"),
    (tidy.skipped_tests, "@pytest.mark.xf" + "ail\ndef test_x(): ...\n"),
    (tidy.skipped_tests, "from pytest import sk" + "ip\nsk" + "ip('x')\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept Exception:\n    pass\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept (ValueError, Exception):\n    raise\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept:\n    x = 2\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept BaseException as error:\n    print(error)\n"),
    (tidy.bare_ignores, f"x: int = 'a'  {IGNORE}\n"),
    (tidy.bare_ignores, f"x: int = 'a'  {IGNORE}[]\n"),
    (tidy.machine_reads, "import time\n"),
    (tidy.machine_reads, "from secrets import token_hex\n"),
    (tidy.machine_reads, "from datetime import datetime, UTC\nnow = datetime.now(UTC)\n"),
    (tidy.machine_reads, "import os\nkey = os.urandom(32)\n"),
    (tidy.file_access, "text = open('x').read()\n"),
    (tidy.file_access, "from pathlib import PurePath, Path\n"),
    (tidy.file_access, "import pathlib\n"),
    (tidy.unsupervised_tasks, "import asyncio\n\nasync def f():\n    await asyncio.gather()\n"),
    (tidy.unsupervised_tasks, "import asyncio\n\nasync def f():\n    await asyncio.wait_for(g(), 1)\n"),
    (tidy.sleeping_tests, "import time\ntime.sleep(0.1)\n"),
    (tidy.sleeping_tests, "import asyncio\n\nasync def f(x):\n    await asyncio.sleep(x)\n"),
    (tidy.mocks, "from unittest.mock import MagicMock\n"),
    (tidy.mocks, "from unittest import mock\n"),
    (tidy.operations_seen_by_stores, "from doorward.authority.operations.lock import add_lock\n"),
    (tidy.operations_seen_by_stores, "from doorward.authority import operations\n"),
]
GOOD = [
    (tidy.too_long, "x = 1\n" * 400),
    (tidy.long_functions, "def f() -> None:\n" + "    x = 1\n" * 59),
    (tidy.without_docstring, '"""What it is for."""\n'),
    (tidy.banned_words, "x = 1  # the list is complete\n"),
    (tidy.skipped_tests, "import pytest\n\npytest.raises(ValueError)\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept ValueError:\n    pass\n"),
    (tidy.broad_excepts, "try:\n    x = 1\nexcept BaseException:\n    close()\n    raise\n"),
    (tidy.bare_ignores, f"x: int = 'a'  {IGNORE}[assignment]\n"),
    (tidy.bare_ignores, f"x = '{IGNORE}'\n"),
    (tidy.machine_reads, "from datetime import datetime\nfrom doorward.base.clock import Clock\n"),
    (tidy.file_access, "from pathlib import PurePosixPath\n"),
    (tidy.unsupervised_tasks, "import asyncio\n\nasync def f():\n    async with asyncio.timeout(1): ...\n"),
    (tidy.sleeping_tests, "import asyncio\n\nasync def f():\n    await asyncio.sleep(0)\n"),
    (tidy.mocks, "from tests.support.builders import a_role\n"),
    (tidy.operations_seen_by_stores, "from doorward.authority.ports import Store\n"),
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_rule_finds_the_bad_sample(rule: object, text: str) -> None:
    assert callable(rule)
    assert len(rule("src/doorward/sample.py", text)) >= 1


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_rule_passes_the_good_sample(rule: object, text: str) -> None:
    assert callable(rule)
    assert rule("src/doorward/sample.py", text) == []


def test_a_double_in_tests_may_be_called_by_its_name() -> None:
    assert tidy.banned_words("tests/cli/conftest.py", "stub = 1\n") == []
    assert tidy.banned_words("tests/cli/conftest.py", f"stub = 1  # {WORD}\n")


def test_init_with_logic_is_found_and_a_sentence_is_not() -> None:
    assert tidy.logic_in_init("src/doorward/x/__init__.py", '"""A sentence."""\n\nfrom a import b\n')
    assert not tidy.logic_in_init("src/doorward/x/__init__.py", '"""A sentence."""\n')
    assert not tidy.logic_in_init("src/doorward/x/y.py", '"""A sentence."""\n\nfrom a import b\n')


@pytest.mark.parametrize(
    "path",
    [
        "src/doorward/utils.py",
        "src/doorward/common/x.py",
        "tests/support/helpers.py",
        "src/doorward/read_and_write.py",
    ],
)
def test_a_name_that_says_nothing_is_found(path: str) -> None:
    assert tidy.banned_names(path)


def test_a_name_that_says_something_passes() -> None:
    assert tidy.banned_names("src/doorward/domain/access/decide.py") == []


def test_broad_except_is_allowed_only_where_the_list_says() -> None:
    text = "try:\n    x = 1\nexcept Exception:\n    pass\n"
    assert tidy.broad_excepts("src/doorward/authority/http/app.py", text)
    assert all(tidy.broad_excepts(path, text) == [] for path in tidy.BROAD_EXCEPT_ALLOWED)
