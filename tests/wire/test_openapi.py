"""``/openapi.json``: every door, as it is."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from litestar import Litestar
from schemathesis.specs.openapi.definitions import OPENAPI_31

from tests.harness.clock import TurnedClock
from tests.harness.leaks import leaked
from tests.harness.people import found_organization, invite, join, make_role
from tests.harness.server import Client, RunningServer
from wayvo import __version__
from wayvo.app import open_application
from wayvo.core.errors import PROBLEM_BY_CODE
from wayvo.edge.dispatch import Dispatch
from wayvo.gate.lanes import LaneHandler
from wayvo.installation import open_installation
from wayvo.settings import load

Document = dict[str, Any]
ACCEPT: Final = "/v1/invitations/accept"
"""Who accepts an invitation has no credential yet."""
TAKEN: Final = ("audience_taken", "role_name_taken")
METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@pytest.fixture(scope="module")
def document(shared_server: RunningServer) -> Document:
    """The document as a stranger gets it."""
    response = shared_server.client(None).get("/openapi.json")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    found: Document = response.json()
    return found


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield every operation as (method, path, operation)."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def resolved(document: Document, schema: Document) -> Document:
    """Return a schema that carries the components it may refer to."""
    return {**schema, "components": document["components"]}


def contents(operation: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield every body that an operation takes or gives, as (where, media type, description)."""
    places = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for where, place in places.items():
        for media_type, content in place.get("content", {}).items():
            yield where, media_type, content


def examples(document: Document, content: Document) -> list[Any]:
    """Return the examples of a body: its own, and those of the schema that it refers to."""
    schema = content["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return [*([content["example"]] if "example" in content else []), *schema.get("examples", [])]


# What it describes


def test_the_document_has_every_door_of_the_running_application_and_no_other(
    document: Document, tmp_path: Path
) -> None:
    async def tables() -> tuple[set[tuple[str, str]], set[str], set[str], tuple[LaneHandler, ...]]:
        settings = load({"WAYVO_DATA_DIR": str(tmp_path / "data")})
        async with (
            open_installation(settings, is_server=True, clock=TurnedClock(), entropy=os.urandom) as installation,
            open_application(installation, settings) as door,
        ):
            inner: Any = door.application
            while not isinstance(inner, Dispatch):
                inner = inner._application
            framework = inner._otherwise
            assert isinstance(framework, Litestar)
            routes = {
                (method, route.path_format)
                for route in framework.routes
                for method in getattr(route, "methods", ())
                if method != "OPTIONS"
            }
            return routes, set(inner._exact), {prefix for prefix, _ in inner._prefixes}, door.guard.lanes.all

    routes, exact, prefixes, fast = asyncio.run(tables())
    assert len(routes) > 20
    documented = {(method, path) for method, path, _ in operations(document)}
    assert {lane.path for lane in fast} == exact | prefixes
    lanes = exact | prefixes | {f"{prefix}/{{path}}" for prefix in prefixes}
    assert {path for _, path in documented - routes} == lanes
    assert routes - documented == set()
    assert {method for method, path in documented if path in exact} == {"GET", "POST"}


def test_the_document_names_this_version_and_this_server(shared_server: RunningServer, document: Document) -> None:
    assert document["info"]["version"] == __version__
    assert document["servers"] == [{"url": shared_server.url}]


def test_every_operation_under_v1_asks_for_a_credential_and_no_other_does(document: Document) -> None:
    assert document["components"]["securitySchemes"]["credential"]["scheme"] == "bearer"
    for method, path, operation in operations(document):
        is_open = not path.startswith("/v1/") or path == ACCEPT
        expected: list[dict[str, list[str]]] | None = None if is_open else [{"credential": []}]
        assert operation.get("security") == expected, (method, path)


def test_every_operation_is_explained_under_a_name_of_its_own(document: Document) -> None:
    found = list(operations(document))
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in found:
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert set(operation["tags"]) <= tags, (method, path)
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "path":
                assert parameter["description"], (method, path, parameter["name"])


# Whether it is valid


def test_the_document_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    errors = jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(document)
    assert [f"{list(error.instance_path)}: {error.message[:200]}" for error in errors] == []


def test_the_check_of_validity_notices_what_is_none(document: Document) -> None:
    for broken in ({**document, "paths": []}, {**document, "info": {}}, {**document, "bogus": 1}):
        assert not jsonschema_rs.Draft202012Validator(OPENAPI_31).is_valid(broken)


def test_every_schema_is_json_schema_2020_12_and_every_reference_leads_somewhere(document: Document) -> None:
    schemas = [
        *document["components"]["schemas"].values(),
        *(content["schema"] for _, _, operation in operations(document) for *_, content in contents(operation)),
        *(
            parameter["schema"]
            for _, _, operation in operations(document)
            for parameter in operation.get("parameters", [])
        ),
    ]
    assert len(schemas) > 50
    for schema in schemas:
        jsonschema_rs.Draft202012Validator(resolved(document, schema))
    references = set(re.findall(r'"\$ref":\s*"([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


# Examples


def test_every_json_body_has_an_example_that_its_schema_allows(document: Document) -> None:
    for method, path, operation in operations(document):
        for where, media_type, content in contents(operation):
            if "json" not in media_type or path == "/openapi.json" or content["schema"].get("allOf"):
                continue
            validator = jsonschema_rs.Draft202012Validator(resolved(document, content["schema"]))
            if "List_" in content["schema"].get("$ref", ""):
                continue  # A page of rows that have examples of their own.
            found = examples(document, content)
            assert found, (method, path, where)
            for example in found:
                assert [error.message for error in validator.iter_errors(example)] == [], (method, path, where)


def test_every_example_of_a_request_is_accepted_as_it_stands(server: RunningServer) -> None:
    client = server.client()
    document: Document = client.get("/openapi.json").json()
    sent = 0
    for method, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        for example in examples(document, content):
            key = server.create_key()
            project = client.post("/v1/projects", json={"name": "n"}).json()
            audience = f"urn:example:{sent}"
            api = client.post("/v1/apis", json={"audience": audience, "name": "n"}).json()
            ids = {"api_key_id": key["id"], "project_id": project["id"], "api_id": api["id"]}
            ids["user_id"] = join(client, "admin")["id"]
            ids["organization_id"] = found_organization(client)["id"]
            ids["role_id"] = make_role(client, "api-keys:write")["id"]
            if path == ACCEPT:
                example = {**example, "token": invite(client)["token"]}  # noqa: PLW2901 - a real one
            response = client.request(method, path.format(**ids), json=example)
            assert str(response.status_code) in operation["responses"], response.text
            assert response.is_success or response.json()["code"] in TAKEN, response.text
            sent += 1
    assert sent >= 10


def test_no_example_looks_like_a_real_key(document: Document) -> None:
    assert not leaked(json.dumps(document))


# Refusals


def test_every_code_is_enumerated(document: Document) -> None:
    problem = document["components"]["schemas"]["Problem"]
    assert problem["properties"]["code"]["enum"] == sorted(PROBLEM_BY_CODE)
    assert set(problem["required"]) == {"type", "title", "status", "code", "detail", "request_id"}


def test_every_refusal_of_an_operation_is_a_problem_with_codes_of_its_status(document: Document) -> None:
    seen: set[str] = set()
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400 or (path, status) == ("/readyz", "503"):
                continue
            schema = response["content"]["application/problem+json"]["schema"]
            assert "#/components/schemas/Problem" in json.dumps(schema), (method, path, status)
            codes = schema["allOf"][1]["properties"]["code"]["enum"]
            assert codes, (method, path, status)
            assert {PROBLEM_BY_CODE[code].status for code in codes} == {int(status)}, (method, path, status)
            seen.update(codes)
    # What belongs to no operation: there is no such method.
    assert PROBLEM_BY_CODE.keys() - seen == {"method_not_allowed"}


def test_an_operation_says_that_it_may_be_refused_for_its_credential_body_and_path(document: Document) -> None:
    for method, path, operation in operations(document):
        statuses = set(operation["responses"])
        assert "400" in statuses or path.startswith("/v1/forward-auth/"), (method, path)
        if path.startswith("/v1/") and path != ACCEPT:
            assert statuses >= {"401", "403", "503"} or path == "/v1/whoami", (method, path)
        if "requestBody" in operation:
            assert statuses >= {"400", "413", "422"}, (method, path)
        if "{" in path and not path.startswith("/v1/forward-auth/"):
            assert "404" in statuses, (method, path)


def test_a_creation_takes_an_idempotency_key_and_says_when_it_replays(document: Document) -> None:
    creations = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    made = {operation["operationId"] for _, _, operation in operations(document) if "201" in operation["responses"]}
    assert (
        creations
        == made
        == {
            *("createApiKey", "rotateApiKey", "createProject", "registerApi"),
            *("createInvitation", "createOrganization", "createRole"),
        }
    )
    for _, _, operation in operations(document):
        if operation["operationId"] in made:
            assert "Idempotency-Replayed" in operation["responses"]["201"]["headers"]
            assert "idempotency_key_reused" in json.dumps(operation["responses"]["409"])


def test_the_document_is_the_same_for_whoever_asks(client: Client, document: Document) -> None:
    assert client.get("/openapi.json").json() == document
