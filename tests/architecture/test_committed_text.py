"""What is committed is true on every machine: no paths of one machine, no address of one package mirror."""

import re
from pathlib import Path

from tests.architecture.project import ROOT, committed, shown

# Written so that no pattern matches itself.
PATTERNS = {
    "a package registry": re.compile(
        r"(?:pypi|files\.pythonhosted|registry\.npmjs|registry\.yarnpkg|deb\.debian|archive\.ubuntu|proxy\.golang)\.(?:or[g]|co[m])"
    ),
    "an option that names a package index": re.compile(r"--(?:extra-)?index-ur[l]|--trusted-hos[t]|--find-link[s]\b"),
    "a folder of one machine": re.compile(r"(?<![\w.:~-])/(?:root|home|work|Users)/\w"),
}


def text_of(path: Path) -> str:
    """Return the text of a file, and nothing for one that is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places(pattern: re.Pattern[str], files: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_committed_file_names_a_registry_or_a_path_of_this_machine() -> None:
    files = {shown(path): text_of(path) for path in committed()}
    assert len(files) > 10
    here = PATTERNS | {"this very checkout": re.compile(re.escape(f"{ROOT}/"))}
    found = {what: places(pattern, files) for what, pattern in here.items()}
    assert {what: where for what, where in found.items() if where} == {}


def test_the_patterns_notice_what_they_are_for() -> None:
    samples = {
        "a package registry": "https://" + "pypi." + "org/simple",
        "an option that names a package index": "pip install --extra-index-" + "url x",
        "a folder of one machine": "see /" + "home/ann/notes",
    }
    assert all(PATTERNS[what].search(sample) for what, sample in samples.items())
    assert samples.keys() == PATTERNS.keys()
