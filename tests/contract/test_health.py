"""What the service says of itself."""

import pytest

from tests.support.client import Client
from tests.support.promises import promise

pytestmark = pytest.mark.part1


@promise("docs/api.md#the-service-itself", "name, version, and links to the routes below")
def test_the_index_has_name_version_and_links_that_work(client: Client) -> None:
    response = client.get("/")
    index = response.json()
    assert response.status_code == 200
    assert set(index) == {"name", "version", "links"}
    for link in index["links"].values():
        assert client.get(link).status_code == 200


@promise("docs/api.md#the-service-itself", "the OpenAPI document")
def test_the_service_describes_itself(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert {"/api/{user_id}/tasks", "/api/{user_id}/tasks/{task_id}"} <= set(document["paths"])
    for path in ("/docs", "/redoc"):
        page = client.get(path)
        assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


@promise("docs/api.md#the-service-itself", "tells that the process answers; never uses the database")
def test_the_process_answers_and_the_database_is_ready(client: Client) -> None:
    for path, status in (("/health", "ok"), ("/health/ready", "ready")):
        for variant in (path, f"{path}/"):
            response = client.get(variant)
            assert (response.status_code, response.json()["status"]) == (200, status)
