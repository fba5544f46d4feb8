"""The document and the pages that the service serves about itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from jsonschema_rs import validator_for

from tests.support.client import Client, Tasks
from tests.support.project import ROOT


@pytest.fixture(scope="module")
def document(client: Client) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    document: dict[str, Any] = response.json()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_every_route_is_documented_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and not rule.endpoint.endswith("static")
    }
    assert set(operations(document)) == routes
    assert document["openapi"].startswith("3.1")


def test_every_operation_has_a_name_a_summary_and_the_errors_of_the_contract(document: dict[str, Any]) -> None:
    seen = operations(document)
    assert len({operation["operationId"] for operation in seen.values()}) == len(seen)
    for (method, path), operation in seen.items():
        assert operation["summary"].endswith(".")
        expected = {"500"}
        if path.startswith("/api"):
            expected |= {"422", "503"}
        if "{task_id}" in path:
            expected |= {"404"}
        if method in ("POST", "PUT", "PATCH"):
            expected |= {"413", "415"}
        assert expected <= set(operation["responses"])


def resolve(document: dict[str, Any], value: Any) -> Any:
    if isinstance(value, dict) and "$ref" in value:
        target: Any = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return resolve(document, target)
    if isinstance(value, dict):
        return {name: resolve(document, member) for name, member in value.items()}
    if isinstance(value, list):
        return [resolve(document, member) for member in value]
    return value


def test_every_example_is_true(document: dict[str, Any]) -> None:
    checked = 0
    for operation in operations(document).values():
        for response in operation["responses"].values():
            for content in resolve(document, response)["content"].values():
                if "example" in content:
                    validator_for(content["schema"], validate_formats=True).validate(content["example"])
                    checked += 1
    assert checked > 30


def test_the_example_of_a_body_creates_what_the_example_of_the_answer_shows(
    alice: Tasks, document: dict[str, Any]
) -> None:
    operation = resolve(document, document["paths"]["/api/{user_id}/tasks"]["post"])
    properties = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    response = alice.post({name: schema["example"] for name, schema in properties.items()})
    example = operation["responses"]["201"]["content"]["application/json"]["example"]
    made_now = {name: response.json()[name] for name in ("id", "user_id", "created_at", "updated_at")}
    assert response.json() == {**example, **made_now}
    assert operation["responses"]["201"]["headers"]["Location"]["example"] == (
        f"/api/{example['user_id']}/tasks/{example['id']}"
    )


def test_the_examples_of_errors_are_what_is_answered(alice: Tasks, document: dict[str, Any]) -> None:
    json = {"Content-Type": "application/json"}
    responses = resolve(document, document["paths"]["/api/{user_id}/tasks/{task_id}"]["put"]["responses"])
    not_found = alice.put("x", {})
    too_large = alice.client.request("PUT", f"{alice.path}/x", data=b" " * 70_000, headers=json)
    unsupported = alice.client.request("PUT", f"{alice.path}/x", data=b"{}")
    invalid = alice.post({})
    for answer in (not_found, too_large, unsupported, invalid):
        assert answer.json() == responses[str(answer.status_code)]["content"]["application/json"]["example"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_need_nothing_from_elsewhere(client: Client, path: str) -> None:
    page = client.get(path)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    scripts = [link for link in links if link.endswith(".js")]
    imports = [
        urljoin(script, name)
        for script in scripts
        if script.startswith("/static")
        for name in re.findall(r'from "([^"]+)"', client.get(script).text)
    ]
    assert scripts
    for link in links + imports:
        assert link.startswith("/")
        assert client.get(link).status_code == 200


@pytest.mark.not_through_nginx("nginx answers 400 to %00, and 405 to TRACE, by itself")
def test_schemathesis_finds_nothing(client: Client, tmp_path: Path) -> None:
    completed = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{client.url}/openapi.json"),
            *("--max-examples=20", "--seed=1", "--generation-allow-x00=true", "--no-color"),
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "No issues found" in completed.stdout


def test_the_readme_tells_the_commands_and_settings() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"(?:^|`)make ([\w-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
    for setting in re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert f"`{setting}`" in readme


def shape(text: str) -> str:
    """Replace what differs from run to run: ids and times."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text.strip())
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
