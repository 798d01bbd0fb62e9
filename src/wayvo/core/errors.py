"""Every refusal that a caller can meet: a stable code, a status, a title, and what to do about it in ``detail``.

A refusal is a value that services return and doors render as RFC 9457 problem+json; it is raised nowhere below a door.
Each class has its page in ``docs/errors/<code>.md``, which is served at the problem's ``type``.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from wayvo.core.decision import Code


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the request; ``field`` is a path such as ``allowed_networks[2]``."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal. ``detail`` is public: it never holds a secret, nor what the caller may not know."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    detail: str
    errors: tuple[FieldError, ...] = ()


class MissingCredential(Problem):
    code, status, title = "missing_credential", 401, "No credential was presented"


class MalformedCredential(Problem):
    code, status, title = Code.MALFORMED, 401, "The credential is malformed"


class UnknownCredential(Problem):
    code, status, title = Code.UNKNOWN, 401, "The credential is unknown"


class RevokedCredential(Problem):
    code, status, title = Code.REVOKED, 401, "The credential was revoked"


class OrganizationDisabled(Problem):
    code, status, title = Code.ORGANIZATION_DISABLED, 401, "The credential's organization is disabled"


class ExpiredCredential(Problem):
    code, status, title = Code.EXPIRED, 401, "The credential has expired"


class WrongMode(Problem):
    code, status, title = Code.WRONG_MODE, 401, "The credential has the wrong mode"


class WrongAudience(Problem):
    code, status, title = Code.WRONG_AUDIENCE, 401, "The credential is not for this API"


class NetworkDenied(Problem):
    code, status, title = Code.NETWORK_DENIED, 403, "The credential may not be used from this network"


class UnknownOperation(Problem):
    code, status, title = Code.UNKNOWN_OPERATION, 403, "The API has no such operation"


class InsufficientScope(Problem):
    code, status, title = Code.INSUFFICIENT_SCOPE, 403, "The credential lacks a scope"


class MalformedJson(Problem):
    code, status, title = "malformed_json", 400, "The body is not valid JSON"


class InvalidRequest(Problem):
    code, status, title = "invalid_request", 400, "The request is invalid"


class InvalidField(Problem):
    code, status, title = "invalid_field", 422, "A field is invalid"


class NotFound(Problem):
    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class BodyTooLarge(Problem):
    code, status, title = "body_too_large", 413, "The body is too large"


class UrlTooLong(Problem):
    code, status, title = "url_too_long", 414, "The URL is too long"


class HeadersTooLarge(Problem):
    code, status, title = "headers_too_large", 431, "The headers are too large"


class UnsupportedMediaType(Problem):
    code, status, title = "unsupported_media_type", 415, "The body has the wrong media type"


class AccessNotHeld(Problem):
    code, status, title = "access_not_held", 403, "Nobody can give more access than they hold"


class IdempotencyKeyReused(Problem):
    code, status, title = "idempotency_key_reused", 409, "The idempotency key belongs to another request"


class AudienceTaken(Problem):
    code, status, title = "audience_taken", 409, "The audience is taken"


class ApiKeyEnded(Problem):
    code, status, title = "api_key_ended", 409, "The API key has ended"


class AlreadyRotated(Problem):
    code, status, title = "already_rotated", 409, "The API key was rotated before"


class WeakKeyFormat(Problem):
    code, status, title = "weak_key_format", 422, "Keys of this format could be guessed"


class TooManyKeyFormats(Problem):
    code, status, title = "too_many_key_formats", 409, "There are too many key formats"


class ProjectArchived(Problem):
    code, status, title = "project_archived", 409, "The project is archived"


class BuiltInApi(Problem):
    code, status, title = "built_in_api", 409, "The API is built in"


class LastOwner(Problem):
    code, status, title = "last_owner", 409, "An organization always has an owner"


class AlreadyMember(Problem):
    code, status, title = "already_member", 409, "The user is a member already"


class BuiltInRole(Problem):
    code, status, title = "built_in_role", 409, "The role is built in"


class RoleInUse(Problem):
    code, status, title = "role_in_use", 409, "The role is in use"


class RoleNameTaken(Problem):
    code, status, title = "role_name_taken", 409, "The role's name is taken"


class TooMany(Problem):
    code, status, title = "too_many", 409, "There are too many of them"


class InvitationInvalid(Problem):
    code, status, title = "invitation_invalid", 404, "The invitation is not valid"


class WrongPassword(Problem):
    code, status, title = "wrong_password", 403, "The password is wrong"


class OperatorOrganization(Problem):
    code, status, title = "operator_organization", 409, "The operator's organization can't be disabled"


class Overloaded(Problem):
    code, status, title = "overloaded", 503, "Too much to do at the moment"


class Unavailable(Problem):
    code, status, title = Code.UNAVAILABLE, 503, "No decision can be trusted at the moment"


class StorageUnavailable(Problem):
    code, status, title = "storage_unavailable", 503, "The database can't be used at the moment"


class InternalError(Problem):
    code, status, title = "internal_error", 500, "Something went wrong on our side"


PROBLEMS: Final[tuple[type[Problem], ...]] = (
    MissingCredential,
    MalformedCredential,
    UnknownCredential,
    RevokedCredential,
    OrganizationDisabled,
    ExpiredCredential,
    WrongMode,
    WrongAudience,
    NetworkDenied,
    UnknownOperation,
    InsufficientScope,
    MalformedJson,
    InvalidRequest,
    InvalidField,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    UrlTooLong,
    HeadersTooLarge,
    UnsupportedMediaType,
    AccessNotHeld,
    IdempotencyKeyReused,
    AudienceTaken,
    ApiKeyEnded,
    AlreadyRotated,
    WeakKeyFormat,
    TooManyKeyFormats,
    ProjectArchived,
    BuiltInApi,
    LastOwner,
    AlreadyMember,
    BuiltInRole,
    RoleInUse,
    RoleNameTaken,
    TooMany,
    InvitationInvalid,
    WrongPassword,
    OperatorOrganization,
    Overloaded,
    Unavailable,
    StorageUnavailable,
    InternalError,
)

PROBLEM_BY_CODE: Final[dict[str, type[Problem]]] = {problem.code: problem for problem in PROBLEMS}
RETRY_AFTER_SECONDS: Final = 1
"""What ``Retry-After`` says on every 503: writes are committed many times a second."""


def invalid(field: str, message: str) -> InvalidField:
    """Return the refusal of one field."""
    return InvalidField(f"{field}: {message}", (FieldError(field, message),))
