"""The README names every command and every setting."""

import re

from tests.support.project import ROOT


def test_the_readme_tells_the_commands_and_settings() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"(?:^|`)make ([\w-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
    for setting in re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert f"`{setting}`" in readme
