"""Tests wait for events, not for time to pass, and test our own code, not stand-ins for it."""

import ast

import pytest

from tests.architecture.project import TESTS, dotted, imported_modules, imports, modules, shown

SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep", "gevent.sleep"})
PATCHES = frozenset({"setattr", "setitem", "delattr", "delitem"})


def offences(code: str) -> list[str]:
    """Return where ``code`` sleeps, or puts a stand-in for something of ours."""
    tree = ast.parse(code)
    names = imports(tree)
    found = [f"imports {module}" for module in imported_modules(tree) if module in {"mock", "unittest.mock"}]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "unittest":
            found += [f"imports unittest.{alias.name}" for alias in node.names if alias.name == "mock"]
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func, names)
        # asyncio.sleep(0) only lets others run.
        if called in SLEEPS and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0):
            found.append(f"line {node.lineno} calls {called}")
        owner, _, method = called.rpartition(".")
        if owner.endswith(("monkeypatch", "patch", "mp")) and method in PATCHES and _is_ours(node.args, names):
            found.append(f"line {node.lineno} patches our own code")
    return found


def _is_ours(arguments: list[ast.expr], names: dict[str, str]) -> bool:
    if not arguments:
        return False
    target = arguments[0]
    name = target.value if isinstance(target, ast.Constant) else dotted(target, names)
    return isinstance(name, str) and name.split(".")[0] == "wayvo"


def test_no_test_sleeps_or_patches_our_own_code() -> None:
    found = {shown(path): offences(path.read_text(encoding="utf-8")) for path in modules(TESTS)}
    assert {name: offence for name, offence in found.items() if offence} == {}


@pytest.mark.parametrize(
    ("code", "offence"),
    [
        ("import time\ntime.sleep(1)", "line 2 calls time.sleep"),
        ("from asyncio import sleep\nawait sleep(0.1)", "line 2 calls asyncio.sleep"),
        ("from unittest.mock import patch", "imports unittest.mock"),
        ("from unittest import mock", "imports unittest.mock"),
        ("monkeypatch.setattr('wayvo.app.clock', None)", "line 1 patches our own code"),
        ("from wayvo import app\nmonkeypatch.setattr(app, 'clock', None)", "line 2 patches our own code"),
    ],
)
def test_every_kind_of_offence_is_noticed(code: str, offence: str) -> None:
    assert offences(code) == [offence]


def test_letting_others_run_is_no_sleep() -> None:
    assert offences("import asyncio\nawait asyncio.sleep(0)") == []
