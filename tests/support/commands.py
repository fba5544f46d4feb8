"""The command `flask`, in a process of its own or in this one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import Result

from app import create_app
from app.extensions import db
from config import Config
from tests.support.project import ROOT, environment
from tests.support.waiting import DEADLINE


def flask(*arguments: str, directory: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command `flask` in a copy of the project."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=directory,
        env=environment(**settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def command(*arguments: str, **settings: Any) -> Result:
    """Run the command `flask` on an application with these settings (those of `Config`), in this process."""
    app = create_app(Config(**settings))
    result = app.test_cli_runner().invoke(args=arguments)
    with app.app_context():
        db.engine.dispose()
    return result
