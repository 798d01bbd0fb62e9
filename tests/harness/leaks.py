"""Secrets where none may be: logs, problems, tracebacks. Anything of a key's or an invitation's form is a leak."""

import re
from typing import Final

KEY: Final = re.compile(r"\b[a-z][a-z0-9]{1,11}_(?:live|test|inv)_[0-9A-Za-z]{38}\b")


def leaked(text: str) -> bool:
    """Say whether ``text`` holds what looks like an API key or an invitation's token."""
    return KEY.search(text) is not None
