"""Markdown as this project writes it, as HTML. Raw HTML in it is shown, not obeyed."""

from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from wayvo.api.pages.colours import colour_json


def to_html(text: str) -> Markup:
    """Return whole paragraphs; JSON in fences has its colours."""
    return Markup(_markdown.render(text))  # noqa: S704 - markdown-it escapes everything that is not Markdown


def to_inline(text: str) -> Markup:
    """Return one line, without a paragraph around it."""
    return Markup(_markdown.renderInline(text))  # noqa: S704 - likewise


def _highlight(code: str, language: str, _attributes: str) -> str:
    return str(colour_json(code)) if language == "json" else ""


_markdown: Final = MarkdownIt("commonmark", {"html": False, "highlight": _highlight}).enable("table")
