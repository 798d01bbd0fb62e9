"""The whole API against its own document, with generated requests.

Each request is sent as generated, and again at a key, project or API that exists, made for it alone: nothing that
happens to it (a revocation, an archiving) hides what later requests would show.
"""

import itertools
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import hypothesis
import pytest
import schemathesis
from litestar.di import Provide
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from tests.harness.people import found_organization, invite, join
from tests.harness.server import Client, RunningServer
from wayvo.api.application import RESOURCES
from wayvo.api.openapi import describe
from wayvo.gate.openapi import doors

EXAMPLES: Final = 30
_NUMBERS: Final = itertools.count()
DESCRIBED: Final[list[Callable[..., Any]]] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
"""What holds for any answer to any request."""
REFUSED: Final[list[Callable[..., Any]]] = [
    *DESCRIBED,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.ignored_auth,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
"""And for the request as it was generated. Left out: that all data which the schemas allow is accepted. They can't say
that a cursor must be genuine, nor that ``scopes`` and ``access`` exclude each other."""


async def _nothing() -> None:
    """Stand for what handlers are given: to describe them, nobody calls them."""


def _document() -> dict[str, Any]:
    provided = {name: Provide(partial(_nothing)) for name in ("services", "probe", "reference", "public_url", "origin")}
    return describe(RESOURCES, provided, doors(), "http://127.0.0.1")


api: Any = schemathesis.openapi.from_dict(
    _document(), config=SchemathesisConfig.from_dict({"generation": {"deterministic": True}})
)


@pytest.fixture(scope="module")
def operator(shared_server: RunningServer) -> Client:
    """A client that makes things, one for each request."""
    return shared_server.client()


def test_the_document_under_test_is_the_one_that_is_served(shared_server: RunningServer) -> None:
    served = shared_server.client(None).get("/openapi.json").json()
    assert {**served, "servers": []} == {**json.loads(json.dumps(_document())), "servers": []}


@api.parametrize()  # type: ignore[untyped-decorator] # its schemas are made as the test is collected
@hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
)
def test_no_request_meets_a_failure_or_an_answer_that_the_document_does_not_describe(
    case: Any, shared_server: RunningServer, operator: Client
) -> None:
    headers = {"Authorization": f"Bearer {shared_server.key}"}
    excluded = [checks.unsupported_method] if case.path.startswith("/v1/forward-auth") else []
    case.call_and_validate(base_url=shared_server.url, headers=headers, checks=REFUSED, excluded_checks=excluded)
    if case.path_parameters and (ids := _made_for_it(case, operator)):
        case.path_parameters = ids
        case.call_and_validate(base_url=shared_server.url, headers=headers, checks=DESCRIBED)
    assert operator.get("/v1/whoami").status_code == 200, "the credential that asks has ended on the way"


def _made_for_it(case: Any, operator: Client) -> dict[str, str]:
    made = {name: MAKERS[name](operator) for name in case.path_parameters if name in MAKERS}
    return made if made.keys() == case.path_parameters.keys() else {}


def _key(operator: Client) -> str:
    return str(operator.post("/v1/api-keys", json={"name": "n"}).json()["id"])


def _project(operator: Client) -> str:
    return str(operator.post("/v1/projects", json={"name": "n"}).json()["id"])


def _api(operator: Client) -> str:
    body = {"audience": f"urn:example:made:{next(_NUMBERS)}", "name": "n"}
    return str(operator.post("/v1/apis", json=body).json()["id"])


def _role(operator: Client) -> str:
    """Return a new role; once there are as many as there may be, none that exists."""
    made = operator.post("/v1/roles", json={"name": f"Made {next(_NUMBERS)}", "permissions": []})
    return str(made.json()["id"]) if made.status_code == 201 else "rol_0"


MAKERS: Final[dict[str, Callable[[Client], str]]] = {
    "api_key_id": _key,
    "project_id": _project,
    "api_id": _api,
    "role_id": _role,
    "user_id": lambda operator: str(join(operator)["id"]),
    "organization_id": lambda operator: str(found_organization(operator)["id"]),
    "invitation_id": lambda operator: str(invite(operator)["id"]),
}
"""What makes something to send a request at."""
