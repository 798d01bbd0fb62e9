"""The rules in ``wayvo.core`` depend on their arguments alone: no clock, no randomness, no input or output."""

import ast
import sys

import pytest

from tests.architecture.project import SOURCE, dotted, imported_modules, imports, modules, shown

LIBRARIES = frozenset({"argon2", "cryptography", "joserfc", "msgspec", "wayvo"})
IMPURE_MODULES = frozenset(
    {
        "asyncio", "ctypes", "fcntl", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random",
        "secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess",
        "sys", "tempfile", "threading", "time",
    }
)  # fmt: skip
IMPURE_CALLS = frozenset(
    {
        "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
        "input", "open", "print", "uuid.getnode", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7",
    }
)  # fmt: skip


def impurities(code: str) -> list[str]:
    """Return what ``code`` imports or calls that a pure rule must not."""
    tree = ast.parse(code)
    found = [
        f"imports {module}"
        for module in imported_modules(tree)
        if (top := module.split(".")[0]) in IMPURE_MODULES or top not in sys.stdlib_module_names | LIBRARIES
    ]
    names = imports(tree)
    calls = [dotted(node.func, names) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found + [f"calls {call}" for call in calls if call in IMPURE_CALLS]


def test_core_reads_no_clock_draws_no_randomness_and_does_no_io() -> None:
    found = {shown(path): impurities(path.read_text(encoding="utf-8")) for path in modules(SOURCE / "core")}
    assert {name: impure for name, impure in found.items() if impure} == {}


@pytest.mark.parametrize(
    ("code", "impurity"),
    [
        ("import time", "imports time"),
        ("from os import urandom", "imports os"),
        ("from secrets import token_bytes", "imports secrets"),
        ("import sqlalchemy.orm", "imports sqlalchemy.orm"),
        ("import datetime\ndatetime.datetime.now()", "calls datetime.datetime.now"),
        ("from datetime import datetime as d\nd.utcnow()", "calls datetime.datetime.utcnow"),
        ("from datetime import date\ndate.today()", "calls datetime.date.today"),
        ("from uuid import uuid4 as fresh\nfresh()", "calls uuid.uuid4"),
        ("open('x')", "calls open"),
    ],
)
def test_every_kind_of_impurity_is_noticed(code: str, impurity: str) -> None:
    assert impurities(code) == [impurity]
