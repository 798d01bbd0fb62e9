"""A file says by its name what it is for, and is short enough to be read."""

from tests.architecture.project import SOURCE, TESTS, modules, shown

MOST_LINES = 350
VAGUE = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def test_no_module_is_longer_than_350_lines() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(SOURCE)}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_module_or_folder_has_a_name_that_says_nothing() -> None:
    named = {part: path for root in (SOURCE, TESTS) for path in modules(root) for part in path.relative_to(root).parts}
    assert [shown(path) for part, path in named.items() if part.removesuffix(".py").strip("_") in VAGUE] == []
