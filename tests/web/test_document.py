"""The document and the pages that the service serves about itself."""

import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest
from jsonschema_rs import validator_for

from tests.support.client import Client, Tasks
from tests.support.openapi import operations


@pytest.fixture(scope="module")
def document(client: Client) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    document: dict[str, Any] = response.json()
    return document


def test_every_operation_has_a_name_a_summary_and_the_errors_of_the_contract(document: dict[str, Any]) -> None:
    seen = operations(document)
    assert len({operation["operationId"] for operation in seen.values()}) == len(seen)
    for (method, path), operation in seen.items():
        assert re.fullmatch(r"[^`]*\.", operation["summary"])
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
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for described in [*operation["responses"].values(), *bodies]:
            for content in resolve(document, described).get("content", {}).values():
                examples = [example["value"] for example in content.get("examples", {}).values()]
                for example in [*examples, *([content["example"]] if "example" in content else [])]:
                    validator_for(content["schema"], validate_formats=True).validate(example)
                    checked += 1
    assert checked > 30


def test_every_example_of_a_parameter_is_taken(alice: Tasks, document: dict[str, Any]) -> None:
    """Each alone, in a list and in changes of the full view; the tag of a task is that of no list."""
    checked = 0
    for path in ("/api/{user_id}/tasks", "/api/{user_id}/changes"):
        for parameter in resolve(document, document["paths"][path]["get"])["parameters"]:
            schema = parameter["schema"]
            for example in [*schema.get("examples", []), *schema.get("enum", [])]:
                query = {parameter["name"]: example} if parameter["in"] == "query" else {}
                headers = {parameter["name"]: example} if parameter["in"] == "header" else {}
                url = path.replace("{user_id}", alice.user_id)
                answer = alice.client.request("GET", url, params=query, headers=headers)
                assert answer.status_code == 200, parameter["name"]
                assert validator_for(schema).is_valid(example)
                checked += 1
    assert checked > 30


def test_parameters_are_not_filled_in_where_an_operation_is_tried_out(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for parameter in resolve(document, operation.get("parameters", [])):
            assert not {"example", "examples"} & set(parameter)
            assert not {"example", "default"} & set(parameter["schema"])


def test_the_headers_of_answers_are_described(alice: Tasks, document: dict[str, Any]) -> None:
    described = {
        operation["operationId"]: set(response.get("headers", {}))
        for operation in operations(document).values()
        for status, response in operation["responses"].items()
        if status in ("200", "201")
    }
    task = alice.create()
    where = f"/{task['id']}"
    first = alice.send("POST", body={"title": "a"}, Idempotency_Key="k")
    answers = {
        "create_task": [first, alice.send("POST", body={"title": "a"}, Idempotency_Key="k")],
        "list_tasks": [alice.list_tasks(), alice.send("GET", "?limit=1")],
        "get_task": [alice.get(task["id"])],
        "update_task": [alice.put(task["id"], {})],
        "patch_task": [alice.patch(task["id"], {})],
        "complete_task": [alice.send("PATCH", f"{where}/complete", Idempotency_Key="c") for _ in range(2)],
        "delete_task": [alice.delete(task["id"])],
    }
    ours = {"Cache-Control", "ETag", "Idempotent-Replayed", "Link", "Location", "X-Total-Count"}
    for name, those in answers.items():
        sent = {header for header in ours if any(header in answer.headers for answer in those)}
        assert sent - {"Cache-Control"} == described[name] - {"Cache-Control"}, name


def test_the_schemas_of_bodies_accept_what_the_service_accepts(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    good: list[Any] = [{}, {"completed": True}, {"completed": False, "x": 1}]
    bad: list[Any] = [{"complete": True}, {"completed": None}, [], None]
    completion = validator_for(resolve(document, schemas["Completion"]))
    assert all(completion.is_valid(body) for body in good)
    assert not any(completion.is_valid(body) for body in bad)
    assert validator_for(resolve(document, schemas["NewTask"])).is_valid({"title": "a"})


def test_what_a_page_sends_when_it_is_tried_out_undoes_nothing(document: dict[str, Any]) -> None:
    """Swagger UI takes the first example of a body, or makes one of the examples of its properties."""
    for (method, _), operation in operations(document).items():
        if method not in ("PUT", "PATCH"):
            continue
        (content,) = operation["requestBody"]["content"].values()
        first, *_ = [example["value"] for example in content.get("examples", {}).values()] or [content["example"]]
        assert first.get("completed", True) is True
        assert resolve(document, content["schema"])["properties"]["completed"]["example"] is True


def test_generators_find_names_for_all_types(document: dict[str, Any]) -> None:
    """What has no name becomes a class for each operation; what has a default becomes required in the types of some."""
    for response in document["components"]["responses"].values():
        for content in response.get("content", {}).values():
            assert list(content["schema"]) == ["$ref"]
    for operation in operations(document).values():
        for status, response in operation["responses"].items():
            assert status < "400" or list(response) == ["$ref"]
    assert '"default":' not in json.dumps(document)


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
    headers = {"Content-Type": "application/json"}
    responses = resolve(document, document["paths"]["/api/{user_id}/tasks/{task_id}"]["put"]["responses"])
    not_found = alice.put("x", {})
    too_large = alice.client.request("PUT", f"{alice.path}/x", data=b" " * 70_000, headers=headers)
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


def test_the_pages_say_what_they_are_and_in_which_language(client: Client) -> None:
    pages = [client.get(path).text for path in ("/docs", "/redoc")]
    titles = [re.search("<title>(.+)</title>", page) for page in pages]
    assert [title and title[1] for title in titles] == ["Tasks API: try it out", "Tasks API: reference"]
    assert all('<html lang="en">' in page for page in pages)
