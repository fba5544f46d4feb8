"""The command that serves the tasks to AI assistants."""

import subprocess
import sys
from pathlib import Path

from tests.support.commands import flask
from tests.support.project import ROOT, copy_of_the_project, environment
from tests.support.waiting import DEADLINE

WITHOUT = """
import runpy, sys
class Hide:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("mcp", "mcp_types", "httpx2", "uvicorn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
sys.argv = ["flask", *sys.argv[1:]]
runpy.run_module("flask", run_name="__main__")
"""


def test_the_command_needs_no_database_and_ends_with_its_input(tmp_path: Path) -> None:
    directory = copy_of_the_project(tmp_path / "project")
    completed = subprocess.run(
        [sys.executable, "-m", "flask", "mcp", "--user", "alice"],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "")
    assert not (directory / "instance").exists()


def test_one_way_to_the_assistant_must_be_named() -> None:
    for arguments in ([], ["--user", "alice", "--http", "0"]):
        completed = flask("mcp", *arguments)
        assert completed.returncode == 2
        assert "name either a --user, or a port with --http" in completed.stderr


def test_no_option_takes_the_token_which_others_could_see() -> None:
    assert "token" not in flask("mcp", "--help").stdout.lower()


def test_flask_works_without_the_packages_for_agents_and_says_what_is_missing() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=DEADLINE, check=False
        )

    assert "Serve the tasks to AI assistants" in run("--help").stdout
    completed = run("mcp", "--user", "alice")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.count("\n") == 1
    assert "install the section Agents of requirements.txt, as docs/agents.md shows" in completed.stderr
