"""All pages, rendered once from the OpenAPI document that the server obeys."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wayvo.api.pages.colours import colour_json, colour_shell
from wayvo.api.pages.error_pages import ErrorPage, error_pages
from wayvo.api.pages.markdown import to_html, to_inline
from wayvo.api.pages.outline import phrase, sections
from wayvo.api.pages.schemas import path_of, pretty

_HERE: Final = Path(__file__).resolve().parent


class Site:
    """The reference, the index of error codes, a page for each of them, and the style sheet they share."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.style = (_HERE / "reference.css").read_bytes()
        self.style_name = f"{hashlib.sha256(self.style).hexdigest()[:16]}.css"
        url = document["servers"][0]["url"]
        # A proxy may serve Wayvo below a path of its own.
        root = f"{path_of(url)}/docs"
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "json": colour_json,
            "markdown": to_html,
            "markdown_line": to_inline,
            "pretty": pretty,
            "shell": colour_shell,
        }
        environment.globals |= {
            "errors": f"{root}/errors",
            "info": document["info"],
            "openapi": f"{path_of(url)}/openapi.json",
            "root": root,
            "style": f"{root}/assets/{self.style_name}",
            "url": url,
        }
        pages = error_pages()
        by_status = _by_status(pages)
        self.reference = (
            environment.get_template("reference.html")
            .render(sections=sections(document), problem=document["components"]["schemas"]["Problem"]["examples"][0])
            .encode()
        )
        self.errors = environment.get_template("errors.html").render(by_status=by_status, here=None).encode()
        self._error_pages = {
            code: environment.get_template("error.html").render(page=page, by_status=by_status, here=code).encode()
            for code, page in pages.items()
        }

    def error(self, code: str) -> bytes | None:
        """Return the page of an error code, ``None`` if there is no such code."""
        return self._error_pages.get(code)


def _by_status(pages: Mapping[str, ErrorPage]) -> list[tuple[int, str, list[ErrorPage]]]:
    grouped: dict[int, list[ErrorPage]] = defaultdict(list)
    for page in pages.values():
        grouped[page.status].append(page)
    return [(status, phrase(status), grouped[status]) for status in sorted(grouped)]
