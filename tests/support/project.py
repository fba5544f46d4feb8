"""The files of the project: where they are, what the service consists of, and what its documentation contains."""

import os
import re
import shutil
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SETTINGS = {"WEB_CONCURRENCY": "2"}  # what every service of the tests has, unless a test says otherwise
SOURCES = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py", ".flaskenv")


def copy_of_the_project(directory: Path) -> Path:
    """Copy what the service consists of, so that it has an `instance/` of its own."""
    directory.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, directory / name)
    return directory


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings, and no others of ours."""
    ours = dict.fromkeys(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE), "")
    return {**os.environ, **ours, **SETTINGS, **settings}


def documented(language: str, words: str) -> str:
    """Return the block of code in `docs/scaling.md` that has these words in it."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    (found,) = [textwrap.dedent(block) for block in blocks if words in block]
    return found
