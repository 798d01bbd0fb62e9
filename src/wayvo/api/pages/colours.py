"""Colours for code, as spans with a class: the style sheet has the rest."""

import re
from typing import Final

from markupsafe import Markup, escape

_JSON: Final = re.compile(
    r'(?P<name>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<value>\b(?:true|false|null|-?\d[\d.]*)\b)'
)
_SHELL: Final = re.compile(
    r"(?P<value>\$\w+)|(?P<name>^(?:curl|export)\b|(?<= )-{1,2}[A-Za-z-]+)|(?P<text>'[^']*'?)", re.MULTILINE
)


def colour_json(code: str) -> Markup:
    """Return JSON with its names, texts and values in spans."""
    return _colour(_JSON, code)


def colour_shell(code: str) -> Markup:
    """Return a command line with its options, variables and quoted texts in spans."""
    return _colour(_SHELL, code)


def _colour(pattern: re.Pattern[str], code: str) -> Markup:
    parts: list[Markup] = []
    end = 0
    for found in pattern.finditer(code):
        parts.append(escape(code[end : found.start()]))
        parts.append(Markup('<span class="c-{}">{}</span>').format(found.lastgroup, found[0]))
        end = found.end()
    return Markup().join([*parts, escape(code[end:])])
