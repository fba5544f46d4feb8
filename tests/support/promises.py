"""What a test of the contract holds a service to: a sentence of the documentation, named by some of its words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

promise = pytest.mark.promise


def find_sentence(where: str, words: str) -> str:
    """Return the sentence, or the row of a table, that has these words in that chapter, in one line.

    `where` is a page and the anchor of a chapter. Raises `LookupError` where they are not there.
    """
    page, _, anchor = where.partition("#")
    _, *parts = re.split(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    chapters = {heading.lower().replace(" ", "-"): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    for block in re.split(r"\n\n|\n(?=\||- |\d\. )", chapters[anchor]):
        text = " ".join(block.split())
        if words in text:
            text = re.sub(r"^(- |\d\. )", "", text)
            row_or_sentences = [text.strip("| ")] if text.startswith("|") else re.split(r"(?<=\.) (?=[A-Z`*])", text)
            return next((sentence for sentence in row_or_sentences if words in sentence), words)
    raise LookupError(f"{where}: {words}")
