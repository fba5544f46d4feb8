"""Each test of the contract names words of the documentation, and they stand where it says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ROOT

FILES = sorted((ROOT / "tests" / "contract").glob("test_*.py"))


def promises(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the arguments of each `promise(…)` in a piece of code."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "promise":
            where, words = map(ast.literal_eval, call.args)
            yield where, words


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def chapter(where: str) -> str:
    """Return the text of the chapter of a page, without that of the chapters below it."""
    page, _, anchor = where.partition("#")
    _, *parts = re.split(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    chapters = {heading.lower().replace(" ", "-"): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    return in_one_line(chapters[anchor])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_test_of_the_contract_names_what_it_proves(file: Path) -> None:
    tree = ast.parse(file.read_text())
    marks = [node for node in tree.body if ast.unparse(node).startswith("pytestmark = ")]
    assert any(re.search(r"\.part[12]\b", ast.unparse(node)) for node in marks), "it belongs to no part"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            assert any(found for piece in (*node.decorator_list, *marks) for found in promises(piece)), node.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_a_test_names_stands_in_the_documentation(file: Path) -> None:
    for where, words in promises(ast.parse(file.read_text())):
        assert in_one_line(words) in chapter(where), f"{where}: {words}"
