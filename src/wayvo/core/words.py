"""The words of a text, for search by the beginning of a word."""

import re
import unicodedata
from typing import Final

MAX_WORDS: Final = 16
MAX_WORD_LENGTH: Final = 40
_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> tuple[str, ...]:
    """Return the distinct words of ``text``, folded for case and form, at most :data:`MAX_WORDS` of them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = dict.fromkeys(match[0][:MAX_WORD_LENGTH] for match in _WORD.finditer(folded))
    return tuple(words)[:MAX_WORDS]
