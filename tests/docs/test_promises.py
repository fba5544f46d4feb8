"""Each test of the contract names words of the documentation, and they stand where it says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ROOT
from tests.support.promises import find_sentence

FILES = sorted((ROOT / "tests" / "contract").glob("test_*.py"))


def promises(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the arguments of each `promise(…)` in a piece of code."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "promise":
            where, words = map(ast.literal_eval, call.args)
            yield where, words


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
        assert words in find_sentence(where, words)


def test_a_promise_is_printed_as_a_whole_sentence_or_row() -> None:
    assert find_sentence("docs/api.md#ownership", "for every method").startswith("A task of another user is answered")
    assert find_sentence("docs/api.md#the-task", "kept as sent") == (
        "`description` | string or `null` | optional, at most 5000 characters, kept as sent"
    )
    with pytest.raises(LookupError):
        find_sentence("docs/api.md#the-task", "for every method")
