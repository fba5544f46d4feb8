"""The tour of the README, command by command."""

import re
import shutil
import subprocess

import pytest

from tests.support.client import Client
from tests.support.project import ROOT


def shape(text: str) -> str:
    """Replace what differs from run to run: ids, times and versions."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text.strip())
    text = re.sub(r'"version":\d+', '"version":<number>', text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is made of curl commands")
def test_the_tour_of_the_readme_shows_real_answers(client: Client) -> None:
    tour = (ROOT / "README.md").read_text().split("## A tour")[1].split("\n## ")[0]
    blocks = re.findall(r"```(sh|json)\n(.*?)```", tour, re.DOTALL)
    commands = [text for kind, text in blocks if kind == "sh"]
    script = "echo ---\n".join(command.replace("http://127.0.0.1:8000", client.url) for command in commands)
    for task in client.of("alice").all():
        client.of("alice").delete(task["id"])
    output = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout
    answers = [shape(answer) for answer in output.split("---\n") if answer.strip()]
    assert answers == [shape(text) for kind, text in blocks if kind == "json"]
