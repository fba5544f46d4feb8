"""Clients that generators make of the OpenAPI document: they compile strictly, and their calls work.

`make test-clients` installs the generators, in the versions that stand beside this file.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.client import Client
from tests.support.issuer import claims, token
from tests.support.project import ROOT

CALLS = Path(__file__).parent / "calls"
INSTALLED = ROOT / ".generators"
NODE_TOOLS = INSTALLED / "node_modules" / ".bin"
PYTHON_TOOLS = INSTALLED / ".venv" / "bin"

pytestmark = pytest.mark.clients


@pytest.fixture
def generated(locked: Client, tmp_path: Path) -> Path:
    """A directory with the document of the service, the calls, and room for what a generator makes."""
    (tmp_path / "openapi.json").write_text(json.dumps(locked.get("/openapi.json").json()))
    (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
    for calls in CALLS.iterdir():
        shutil.copy(calls, tmp_path)
    (tmp_path / "generated").mkdir()
    return tmp_path


def run(directory: Path, *command: str | Path) -> None:
    """Run a program in that directory; fail with what it wrote if it fails."""
    completed = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "NO_PROXY": "*"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    assert completed.returncode == 0, completed.stdout


def caller(locked: Client) -> tuple[str, str, str]:
    """Return the arguments of the calls: where the service is, and a user of whom nobody has heard, with a token."""
    user_id = f"alice é {uuid4()}"
    return locked.url, user_id, token(claims(user_id))


def compile_and_call(locked: Client, directory: Path, calls: str) -> None:
    options = ["--strict", "--noUncheckedIndexedAccess", "--module", "nodenext", "--target", "es2022"]
    run(directory, NODE_TOOLS / "tsc", *options, "--lib", "es2022,dom,dom.iterable", "--outDir", "js", f"{calls}.ts")
    run(directory, "node", f"js/{calls}.js", *caller(locked))


def test_openapi_typescript_with_openapi_fetch(locked: Client, generated: Path) -> None:
    run(generated, NODE_TOOLS / "openapi-typescript", "openapi.json", "-o", "generated/openapi.ts")
    compile_and_call(locked, generated, "openapi_fetch")


def test_hey_api(locked: Client, generated: Path) -> None:
    run(
        generated,
        NODE_TOOLS / "openapi-ts",
        "-i",
        "openapi.json",
        "-o",
        "generated/hey-api",
        "-c",
        "@hey-api/client-fetch",
    )
    compile_and_call(locked, generated, "hey_api")


def test_openapi_python_client(locked: Client, generated: Path) -> None:
    (generated / "config.yaml").write_text("post_hooks: []\n")
    options = ["--meta", "none", "--output-path", "generated", "--overwrite", "--fail-on-warning"]
    run(
        generated,
        *(PYTHON_TOOLS / "openapi-python-client", "generate"),
        *("--path", "openapi.json", "--config", "config.yaml", *options),
    )
    models = {file.stem for file in (generated / "generated" / "models").glob("*.py")}
    assert {"task_not_found", "invalid_request", "unauthenticated"} <= models
    assert not [name for name in models if "response" in name or name[-1].isdigit()]
    run(generated, PYTHON_TOOLS / "python", "-m", "mypy", "--strict", "generated", "python_client.py")
    run(generated, PYTHON_TOOLS / "python", "python_client.py", *caller(locked))
