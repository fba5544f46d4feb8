"""The documentation is complete, says what the code says, and points only to what exists."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from app import create_app
from app.tasks.schemas import EXAMPLE
from app.web.errors import ACCESS_FORBIDDEN, DETAILS, TASK_NOT_FOUND, UNAUTHENTICATED
from app.web.fields import CONFLICT, MESSAGES
from config import ROOT, VERSION, Config

README, API, CHANGELOG = ROOT / "README.md", ROOT / "docs" / "api.md", ROOT / "CHANGELOG.md"
BENCHMARKS = ROOT / "benchmarks" / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", CHANGELOG, BENCHMARKS, *DOCS]

FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")
# What the documentation calls a file or directory of the project, in text and in code.
PATH = re.compile(r"(?<![\w/.-])(?:app|benchmarks|deploy|docs|migrations)/[\w./-]*\w")
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"  # The routes are known without a database.


def name(page: Path) -> str:
    """Return how a test calls a page."""
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """Return where the links of a page lead to, those to other sites too."""
    return LINK.findall(CODE.sub("", FENCE.sub("", page.read_text())))


def code(page: Path) -> str:
    """Return the code of a page, whether it is a block or in a sentence, each piece on a line of its own."""
    text = page.read_text()
    pieces = [*FENCE.findall(text), *(span.strip("`") for span in CODE.findall(FENCE.sub("", text)))]
    return "\n".join(pieces)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {f"{slug}-{slugs[:index].count(slug)}".removesuffix("-0") for index, slug in enumerate(slugs)}


def rows(page: Path) -> Iterator[list[str]]:
    """Return the cells of each row of the tables of a page."""
    for line in FENCE.sub("", page.read_text()).splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


every_page = pytest.mark.parametrize("page", PAGES, ids=name)


@every_page
def test_every_link_leads_to_a_page_and_a_chapter_that_exist(page: Path) -> None:
    for link in links(page):
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert target.suffix == ".md", link
            assert anchor in anchors(target), link


# benchmarks/README.md also names files that were tried and replaced.
@pytest.mark.parametrize("page", [page for page in PAGES if page != BENCHMARKS], ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    for path in PATH.findall(page.read_text()):
        assert (ROOT / path).exists(), path


@every_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^ *make ([\w-]+)", code(page), re.MULTILINE):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target
    for module in re.findall(r"python -m (benchmarks[\w.]+)", code(page)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(DOCS) - {index} <= listed


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [page.name[:5] for page in DOCS if page.parent.name == "decisions"]
    assert numbers == [f"{number:04}-" for number in range(1, len(numbers) + 1)]


@pytest.fixture(scope="module")
def application() -> Flask:
    return create_app(Config(DATABASE_URL=NOWHERE))


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_each_page_is_short_and_begins_with_its_title(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) < 250
    assert lines[0].startswith("# ")


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG.read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == VERSION
    assert all(date for _, date in headings[1:])


def test_every_setting_is_described_with_its_default() -> None:
    example = re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    described = {cells[0]: cells[1] for cells in rows(ROOT / "docs" / "settings.md") if cells[0].startswith("`")}
    assert described == {f"`{setting}`": f"`{default}`" if default else "empty" for setting, default in example}


def requests(app: Flask) -> Iterator[tuple[str, str]]:
    """Return each method and route of the application, as the documentation writes them."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.endswith("static"):
            for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}:
                yield method, re.sub(r"<(\w+)>", r"{\1}", rule.rule)


def test_the_ids_of_examples_were_made_when_their_tasks_were_created() -> None:
    pages = [page.read_text() for page in PAGES] + [json.dumps(EXAMPLE)]
    examples = [found for text in pages for found in re.findall(r'"id": ?"([^"]+)".*?"created_at": ?"([^"]+)"', text)]
    assert len(examples) > 1
    for task_id, created_at in examples:
        seconds = datetime.fromisoformat(created_at).timestamp()
        assert UUID(task_id).int >> 80 == int(seconds * 1000), task_id  # RFC 9562, section 5.7


def test_every_route_is_described_and_no_other(application: Flask) -> None:
    routes = set(requests(application))
    assert {cells[0] for cells in rows(API) if re.match("`[A-Z]+ /", cells[0])} == {
        f"`{method} {route}`" for method, route in routes
    }
    in_the_readme = code(README)
    for _, route in routes:
        assert re.search(rf"^([A-Z]+ )?{re.escape(route)}$", in_the_readme, re.MULTILINE), route


def test_every_error_is_described() -> None:
    described = {tuple(cells[-2:]) for cells in rows(API)}
    words = "'low', 'medium', 'high'"
    for message in MESSAGES:
        if message == CONFLICT:  # Its sentence names what is in conflict.
            assert any(cells[0] == f"`{message.type}`" for cells in described)
            continue
        sentences = {message.msg.format(detail) for detail in (1, 500, words)}
        assert any((f"`{message.type}`", f"`{sentence}`") in described for sentence in sentences), message
    answers = {cells[-1] for page in (API, ROOT / "docs" / "authentication.md") for cells in rows(page)}
    for detail in (*DETAILS.values(), *UNAUTHENTICATED.values(), ACCESS_FORBIDDEN, TASK_NOT_FOUND):
        assert f'`"{detail}"`' in answers, detail


def test_every_metric_is_described_and_no_other(application: Flask) -> None:
    shown = re.findall(r"^# TYPE ((?:http|database)_\w+)", application.test_client().get("/metrics").text, re.MULTILINE)
    cells = (cells[0] for cells in rows(ROOT / "docs" / "operations.md"))
    described = {cell.strip("`") for cell in cells if re.match("`(http|database)_", cell)}
    assert described == {metric for metric in shown if not metric.endswith("_created")}
