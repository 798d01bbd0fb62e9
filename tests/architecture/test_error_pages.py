"""Every stable error code has a page that tells a client what to do, and the page tells the truth."""

import json
import re

import pytest

from tests.architecture.project import ROOT
from wayvo.core.errors import PROBLEMS, Problem

PAGES = ROOT / "docs" / "errors"
SECTIONS = ["What it means", "What to do", "Example"]
EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem.code))


def page_of(problem: type[Problem]) -> str:
    return (PAGES / f"{problem.code}.md").read_text(encoding="utf-8")


def test_there_is_a_page_for_every_code_and_for_nothing_else() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(problem.code for problem in PROBLEMS)


def test_no_two_problems_share_a_code() -> None:
    codes = [problem.code for problem in PROBLEMS]
    assert len(set(codes)) == len(codes)


@EVERY_PROBLEM
def test_a_page_has_the_title_the_status_and_the_sections_that_every_page_has(problem: type[Problem]) -> None:
    page = page_of(problem)
    assert page.startswith(f"# {problem.code}\n\n")
    assert f"\n**Status:** {problem.status} " in page
    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE) == SECTIONS


@EVERY_PROBLEM
def test_the_example_of_a_page_is_what_the_code_answers(problem: type[Problem]) -> None:
    examples = re.findall(r"^```json\n(.+?)^```$", page_of(problem), flags=re.MULTILINE | re.DOTALL)
    example = json.loads(examples[-1])
    assert example["type"].endswith(f"/docs/errors/{problem.code}")
    assert (example["code"], example["status"], example["title"]) == (problem.code, problem.status, problem.title)
    assert example["detail"]
    assert example["request_id"]
