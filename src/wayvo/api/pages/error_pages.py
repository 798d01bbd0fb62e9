"""The page of each error code, from ``docs/errors``: in the package when installed, beside ``src`` in a checkout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from wayvo.api.pages.markdown import to_html
from wayvo.core.errors import PROBLEMS

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A code with its status, its title, and its page as HTML."""

    code: str
    status: int
    title: str
    html: Markup


def folder_of_pages(package: Path = _HERE) -> Path:
    """Return where the pages are: the wheel has a copy of them in the package, a checkout the originals."""
    installed = package / "errors"
    return installed if installed.is_dir() else package.parents[3] / "docs" / "errors"


def error_pages() -> Mapping[str, ErrorPage]:
    """Return every page by its code; each problem has one."""
    folder = folder_of_pages()
    return {
        str(problem.code): ErrorPage(
            code=str(problem.code),
            status=problem.status,
            title=problem.title,
            html=to_html((folder / f"{problem.code}.md").read_text(encoding="utf-8")),
        )
        for problem in PROBLEMS
    }
