"""Which refusals an operation can meet, for the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wayvo.core.errors import PROBLEM_BY_CODE

_GUARDED: Final = (
    "missing_credential",
    "malformed",
    "unknown",
    "revoked",
    "organization_disabled",
    "expired",
    "wrong_mode",
    "wrong_audience",
    "network_denied",
    "insufficient_scope",
    "overloaded",
    "storage_unavailable",
    "unavailable",
)
_WITH_BODY: Final = ("malformed_json", "body_too_large", "unsupported_media_type", "invalid_field")
_OF_OPERATION: Final[Mapping[str, tuple[str, ...]]] = {
    "createApiKey": ("access_not_held", "idempotency_key_reused", "project_archived"),
    "changeApiKey": ("access_not_held", "already_rotated", "api_key_ended"),
    "rotateApiKey": (
        "access_not_held",
        "already_rotated",
        "api_key_ended",
        "idempotency_key_reused",
        "project_archived",
    ),
    "importApiKeys": ("too_many_key_formats", "weak_key_format"),
    "createProject": ("idempotency_key_reused",),
    "changeProject": ("project_archived",),
    "registerApi": ("access_not_held", "audience_taken", "idempotency_key_reused"),
    "changeApi": ("access_not_held", "built_in_api"),
    "createOrganization": ("idempotency_key_reused",),
    "disableOrganization": ("operator_organization",),
    "changeUserRole": ("access_not_held", "last_owner"),
    "removeUser": ("access_not_held", "last_owner"),
    "createInvitation": ("access_not_held", "already_member", "idempotency_key_reused", "too_many"),
    "withdrawInvitation": ("access_not_held",),
    "acceptInvitation": (
        "already_member",
        "invitation_invalid",
        "overloaded",
        "storage_unavailable",
        "wrong_password",
    ),
    "createRole": ("access_not_held", "idempotency_key_reused", "role_name_taken", "too_many"),
    "changeRole": ("access_not_held", "built_in_role", "role_name_taken"),
    "deleteRole": ("access_not_held", "built_in_role", "role_in_use"),
    "putProjectMember": ("access_not_held", "project_archived"),
    "removeProjectMember": ("access_not_held",),
    "forwardAuth": ("unknown_operation",),
}
_NEVER: Final[Mapping[str, tuple[str, ...]]] = {
    "forwardAuthBelow": ("not_found",),
    "verify": ("unsupported_media_type",),
    "whoami": ("insufficient_scope",),
}


def codes_by_status(path: str, operation: Mapping[str, Any]) -> dict[int, list[str]]:
    """Return the codes that the operation's problems can have, by status, both in order."""
    never = _NEVER.get(operation["operationId"], ())
    found: dict[int, list[str]] = {}
    for code in sorted(set(_codes(path, operation)).difference(never)):
        found.setdefault(PROBLEM_BY_CODE[code].status, []).append(code)
    return dict(sorted(found.items()))


def _codes(path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("invalid_request", "url_too_long", "headers_too_large", "internal_error")
    if "security" in operation:
        yield from _GUARDED
    if "{" in path:
        yield "not_found"
    if "requestBody" in operation:
        yield from _WITH_BODY
    yield from _OF_OPERATION.get(operation["operationId"], ())
