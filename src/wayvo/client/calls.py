"""What can be asked of the API: one function per operation, each a value that says what to send and what comes back."""

import re
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct

from wayvo.client.bodies import (
    Acceptance,
    ApiChanges,
    ApiKeyChanges,
    KeyImport,
    NewApi,
    NewApiKey,
    NewInvitation,
    NewProject,
    NewRole,
    ProjectChanges,
    Revocation,
    RoleChanges,
    RoleOf,
    Rotation,
)
from wayvo.client.errors import UnsendableError
from wayvo.client.flow import Call, Listing, refuse_secret
from wayvo.client.models import (
    ApiKey,
    AuditEvent,
    ImportReport,
    Invitation,
    IssuedApiKey,
    IssuedInvitation,
    Membership,
    Project,
    ProjectMember,
    ProtectedApi,
    Role,
    User,
    WhoAmI,
)
from wayvo.core.ids import IdKind

T = TypeVar("T")


def whoami() -> Call[WhoAmI]:
    """Ask who the caller is."""
    return Call("GET", "/v1/whoami", WhoAmI, repeatable=True)


def create_api_key(key: NewApiKey, *, idempotency_key: str | None = None) -> Call[IssuedApiKey]:
    """Make a key; its secret is in this answer only."""
    return _creation("/v1/api-keys", key, IssuedApiKey, idempotency_key)


def list_api_keys(
    *,
    project_id: str | None = None,
    user_id: str | None = None,
    mode: str | None = None,
    status: str | None = None,
    text: str | None = None,
    expiring_before: datetime | None = None,
    unused_since: datetime | None = None,
) -> Listing[ApiKey]:
    """List keys; what is ``None`` doesn't filter."""
    filters = {
        "project_id": None if project_id is None else _id("prj", project_id),
        "user_id": None if user_id is None else _id("usr", user_id),
        "mode": mode,
        "status": status,
        "text": None if text is None else refuse_secret(text),
        "expiring_before": None if expiring_before is None else _rfc3339(expiring_before),
        "unused_since": None if unused_since is None else _rfc3339(unused_since),
    }
    return Listing("/v1/api-keys", ApiKey, tuple((name, value) for name, value in filters.items() if value is not None))


def get_api_key(key_id: str) -> Call[ApiKey]:
    """Read one key."""
    return Call("GET", _api_key(key_id), ApiKey, repeatable=True)


def update_api_key(key_id: str, changes: ApiKeyChanges) -> Call[ApiKey]:
    """Change a key; in force when the answer comes."""
    return Call("PATCH", _api_key(key_id), ApiKey, body=changes)


def rotate_api_key(key_id: str, rotation: Rotation, *, idempotency_key: str | None = None) -> Call[IssuedApiKey]:
    """Make a successor with the same rights; its secret is in this answer only."""
    return _creation(f"{_api_key(key_id)}/rotate", rotation, IssuedApiKey, idempotency_key)


def import_api_keys(keys: KeyImport) -> Call[ImportReport]:
    """Import keys that were made elsewhere. What is there already stays as it is, hence repeatable."""
    return Call("POST", "/v1/api-keys/import", ImportReport, body=keys, repeatable=True)


def revoke_api_key(key_id: str, revocation: Revocation) -> Call[ApiKey]:
    """End a key, at once and for good. Revoking it again changes nothing, hence repeatable."""
    return Call("POST", f"{_api_key(key_id)}/revoke", ApiKey, body=revocation, repeatable=True)


def list_users() -> Listing[User]:
    """List the members of the caller's organization."""
    return Listing("/v1/users", User)


def get_user(user_id: str) -> Call[User]:
    """Read one member."""
    return Call("GET", _user(user_id), User, repeatable=True)


def change_user_role(user_id: str, role: str) -> Call[User]:
    """Give a member another role; in force when the answer comes."""
    return Call("PATCH", _user(user_id), User, body=RoleOf(role=role), repeatable=True)


def remove_user(user_id: str) -> Call[User]:
    """End a membership."""
    return Call("DELETE", _user(user_id), User)


def list_invitations() -> Listing[Invitation]:
    """List the organization's invitations."""
    return Listing("/v1/invitations", Invitation)


def create_invitation(invitation: NewInvitation, *, idempotency_key: str | None = None) -> Call[IssuedInvitation]:
    """Invite somebody; the link is in this answer only."""
    return _creation("/v1/invitations", invitation, IssuedInvitation, idempotency_key)


def withdraw_invitation(invitation_id: str) -> Call[Invitation]:
    """End an open invitation. Again it changes nothing, hence repeatable."""
    return Call("DELETE", f"/v1/invitations/{_id('inv', invitation_id)}", Invitation, repeatable=True)


def accept_invitation(acceptance: Acceptance) -> Call[Membership]:
    """Become a member. Needs no API key."""
    return Call("POST", "/v1/invitations/accept", Membership, body=acceptance)


def list_roles() -> Listing[Role]:
    """List the built-in roles and the organization's own."""
    return Listing("/v1/roles", Role)


def get_role(role_id: str) -> Call[Role]:
    """Read one role."""
    return Call("GET", _role(role_id), Role, repeatable=True)


def create_role(role: NewRole, *, idempotency_key: str | None = None) -> Call[Role]:
    """Make a custom role."""
    return _creation("/v1/roles", role, Role, idempotency_key)


def update_role(role_id: str, changes: RoleChanges) -> Call[Role]:
    """Change a custom role, for everybody who has it."""
    return Call("PATCH", _role(role_id), Role, body=changes)


def delete_role(role_id: str) -> Call[Role]:
    """Delete a custom role that nobody has."""
    return Call("DELETE", _role(role_id), Role)


def list_project_members(project_id: str) -> Listing[ProjectMember]:
    """List who holds a role in a project beyond the one in the organization."""
    return Listing(f"{_project(project_id)}/members", ProjectMember)


def put_project_member(project_id: str, user_id: str, role: str) -> Call[ProjectMember]:
    """Give a member a role in a project, in place of the one held there."""
    path = f"{_project(project_id)}/members/{_id('usr', user_id)}"
    return Call("PUT", path, ProjectMember, body=RoleOf(role=role), repeatable=True)


def remove_project_member(project_id: str, user_id: str) -> Call[ProjectMember]:
    """End a membership in a project."""
    return Call("DELETE", f"{_project(project_id)}/members/{_id('usr', user_id)}", ProjectMember)


def list_projects() -> Listing[Project]:
    """List the organization's projects."""
    return Listing("/v1/projects", Project)


def get_project(project_id: str) -> Call[Project]:
    """Read one project."""
    return Call("GET", _project(project_id), Project, repeatable=True)


def create_project(project: NewProject, *, idempotency_key: str | None = None) -> Call[Project]:
    """Make a project."""
    return _creation("/v1/projects", project, Project, idempotency_key)


def update_project(project_id: str, changes: ProjectChanges) -> Call[Project]:
    """Rename or redescribe a project."""
    return Call("PATCH", _project(project_id), Project, body=changes)


def archive_project(project_id: str) -> Call[Project]:
    """Archive a project."""
    return Call("POST", f"{_project(project_id)}/archive", Project)


def list_apis() -> Listing[ProtectedApi]:
    """List the protected APIs that the organization sees."""
    return Listing("/v1/apis", ProtectedApi)


def get_api(api_id: str) -> Call[ProtectedApi]:
    """Read one protected API."""
    return Call("GET", _api(api_id), ProtectedApi, repeatable=True)


def create_api(api: NewApi, *, idempotency_key: str | None = None) -> Call[ProtectedApi]:
    """Register a protected API."""
    return _creation("/v1/apis", api, ProtectedApi, idempotency_key)


def update_api(api_id: str, changes: ApiChanges) -> Call[ProtectedApi]:
    """Change a protected API."""
    return Call("PATCH", _api(api_id), ProtectedApi, body=changes)


def list_audit_events(
    *,
    action: str | None = None,
    actor_id: str | None = None,
    target_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Listing[AuditEvent]:
    """List what has happened in the organization; what is ``None`` doesn't filter."""
    filters = {
        "action": None if action is None else refuse_secret(action),
        "actor_id": None if actor_id is None else refuse_secret(actor_id),
        "target_id": None if target_id is None else refuse_secret(target_id),
        "since": None if since is None else _rfc3339(since),
        "until": None if until is None else _rfc3339(until),
    }
    given = tuple((name, value) for name, value in filters.items() if value is not None)
    return Listing("/v1/audit-events", AuditEvent, given)


def get_audit_event(event_id: str) -> Call[AuditEvent]:
    """Read one audit event."""
    return Call("GET", f"/v1/audit-events/{_id('evt', event_id)}", AuditEvent, repeatable=True)


def _creation(path: str, body: Struct, returns: type[T], idempotency_key: str | None) -> Call[T]:
    repeatable = idempotency_key is not None
    return Call("POST", path, returns, body=body, idempotency_key=idempotency_key, repeatable=repeatable)


def _api_key(key_id: str) -> str:
    return f"/v1/api-keys/{_id('key', key_id)}"


def _project(project_id: str) -> str:
    return f"/v1/projects/{_id('prj', project_id)}"


def _api(api_id: str) -> str:
    return f"/v1/apis/{_id('api', api_id)}"


def _user(user_id: str) -> str:
    return f"/v1/users/{_id('usr', user_id)}"


def _role(role_id: str) -> str:
    # A built-in role has its name for an id.
    return f"/v1/roles/{role_id if re.fullmatch('[a-z]{1,20}', role_id) else _id('rol', role_id)}"


def _id(kind: IdKind, value: str) -> str:
    """Return ``value`` if it has an id's form; anything else (``../users``, a secret) has no place in a path."""
    if not re.fullmatch(rf"{kind}_[0-9A-Za-z]{{1,64}}", refuse_secret(value)):
        raise UnsendableError(f"An id of this kind begins with {kind}_ and goes on with letters and digits.")
    return value


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
