"""What the OpenAPI document says of the machine doors."""

from typing import Any, Final

import msgspec

from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.gate.verify import VerifyAnswer, VerifyRequest

_REF: Final = "#/components/schemas/{name}"
_ANSWER: Final = {
    "200": {
        "description": "The verdict, whatever it is: look at `valid` and `code`.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VerifyAnswer"}}},
    }
}
_VERIFY: Final = (
    "A protected API asks about a credential that was presented to it. The answer is 200 with a verdict; any other "
    "status speaks of the asker, which needs the scope `credentials:verify` on the audience it asks about. A "
    "credential for none of the asker's audiences is `unknown`."
)
_VERDICT: Final = {
    "valid": True,
    "code": "valid",
    "principal": {"type": "service_account", "id": "prj_06fsbc4rvpv0f2h6r8s3u1c9k0"},
    "organization_id": "org_06fsbc4rvpv0e8k2q1m5n9t7d4",
    "project_id": "prj_06fsbc4rvpv0f2h6r8s3u1c9k0",
    "credential_id": "key_06fsbc4rvpv0gl7t4b2e8j6m1q",
    "mode": "live",
    "scopes": ["projects:read", "users:read"],
    "rate_limits": [],
    "expires_at": None,
}
_QUESTION: Final = {
    "credential": "The credential to ask about, as it was presented.",
    "audience": f"The API that is called; {OWN_AUDIENCE} if left out.",
    "scopes": "The scopes that are needed.",
    "mode": "The mode that is wanted: a test key is no yes to a live question.",
    "operation": "What the client does, in place of `scopes`: the API's operations say which scopes it needs.",
    "ip": "The client's address, for a credential that is bound to networks.",
}
_SAID: Final = {
    "valid": "Whether the credential may do what was asked.",
    "code": "`valid`, or the first thing that is wrong.",
    "principal": "Whom the credential speaks for: a project's service account, or the user it is bound to.",
    "scopes": "All that the credential holds for the audience; for one bound to a user, what the user holds there too.",
    "rate_limits": "Empty in this version.",
    "expires_at": "When it ends by itself; null if it does not.",
}
_FORWARD_AUTH: Final = (
    "A reverse proxy asks whether the request in its hands may pass: 200 with identity headers, 401 or 403 with a "
    "challenge. Any method is accepted and no body is read. The client's address is taken from `X-Forwarded-For` if "
    "the proxy is trusted. Without `scopes` the API's operations decide, if it has any, by `X-Forwarded-Method` and "
    "`X-Forwarded-Uri` or `X-Original-Method` and `X-Original-URI` of a trusted proxy."
)


def doors() -> dict[str, Any]:
    """Return the machine doors' ``paths`` and the ``components`` that they refer to."""
    _, components = msgspec.json.schema_components((VerifyRequest, VerifyAnswer), ref_template=_REF)
    components["VerifyRequest"]["examples"] = [{"credential": "THE_PRESENTED_API_KEY", "scopes": ["projects:read"]}]
    components["VerifyAnswer"]["examples"] = [_VERDICT]
    for name, descriptions in (("VerifyRequest", _QUESTION), ("VerifyAnswer", _SAID)):
        for field, description in descriptions.items():
            components[name]["properties"][field]["description"] = description
    return {
        "paths": {
            "/v1/verify": {
                "post": {
                    "summary": "Verify a credential",
                    "operationId": "verify",
                    "tags": ["Verification"],
                    "description": _VERIFY,
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VerifyRequest"}}},
                    },
                    "responses": dict(_ANSWER),
                },
                "get": {
                    "summary": "Verify a credential without a body",
                    "operationId": "verifyByHeader",
                    "tags": ["Verification"],
                    "description": _VERIFY,
                    "parameters": [
                        _parameter("Wayvo-Credential", _QUESTION["credential"], place="header", required=True),
                        *_wanted(),
                        _parameter("ip", _QUESTION["ip"]),
                        _parameter("method", "The method of what the client does, with `path` in place of `scopes`."),
                        _parameter("path", "The path of what the client does, as it stands in the request line."),
                    ],
                    "responses": dict(_ANSWER),
                },
            },
            "/v1/forward-auth": {"get": _forward_auth("forwardAuth", "May this request pass?", _wanted())},
            "/v1/forward-auth/{path}": {
                "get": _forward_auth(
                    "forwardAuthBelow",
                    "May it pass? With the original path",
                    [
                        _parameter(
                            "path",
                            "The original path, as Envoy appends it.",
                            place="path",
                            required=True,
                            schema={"type": "string", "examples": ["orders/17"]},
                        )
                    ],
                )
            },
        },
        "components": components,
    }


def _forward_auth(operation_id: str, summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("Organization-Id", "Project-Id", "Principal", "Credential-Id", "Mode", "Scopes")
    headers = {f"Wayvo-{name}": {"schema": {"type": "string"}} for name in names}
    return {
        "summary": summary,
        "operationId": operation_id,
        "tags": ["Verification"],
        "description": _FORWARD_AUTH,
        "parameters": parameters,
        "responses": {"200": {"description": "It may. The headers say who asks.", "headers": headers}},
    }


def _wanted() -> list[dict[str, Any]]:
    modes = {"type": "string", "enum": ["live", "test"], "default": "live"}
    return [
        _parameter("audience", _QUESTION["audience"]),
        _parameter("scopes", "The scopes that are needed, separated by spaces or commas."),
        _parameter("mode", _QUESTION["mode"], schema=modes),
    ]


def _parameter(
    name: str, description: str, *, place: str = "query", required: bool = False, schema: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": schema or {"type": "string"},
    }
