"""Examples for the OpenAPI document: what to send, and what comes back."""

from typing import Any, Final

import msgspec

from wayvo.api.health import Health, Readiness
from wayvo.api.schemas.api_keys import (
    ApiKeyView,
    IssuedApiKeyView,
    PredecessorView,
    RotatedApiKeyView,
    ScopeUseView,
    ShownApiKeyView,
)
from wayvo.api.schemas.audit import AuditEventView, PartyView
from wayvo.api.schemas.key_imports import ImportedRowView, ImportReportView, KeyFormatView
from wayvo.api.schemas.members import (
    AcceptedView,
    InvitationView,
    IssuedInvitationView,
    OpeningView,
    OrganizationView,
    ProjectMemberView,
    UserView,
)
from wayvo.api.schemas.organizations import ApiOperationBody, ApiScopeBody, ApiView, ProjectView
from wayvo.api.schemas.roles import RoleView, permission_view
from wayvo.api.schemas.whoami import CredentialView, NamedView, WhoamiView
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS
from wayvo.core.actor import Principal
from wayvo.core.credentials.format import Mode

_ORGANIZATION: Final = "org_06fsbc4rvpv0e8k2q1m5n9t7d4"
_PROJECT: Final = "prj_06fsbc4rvpv0f2h6r8s3u1c9k0"
_KEY: Final = "key_06fsbc4rvpv0gl7t4b2e8j6m1q"
_OLD_KEY: Final = "key_06fqk2v8dpv0hc5n1r9t3u7e2s"
_CREATOR: Final = "key_06fsbc4rvpv0ii3m8d6k4q2b7v"
_USER: Final = "usr_06fsbc4rvpv0jp9c7h5l3n1t8f"
_ROLE: Final = "rol_06fsbc4rvpv0mq2d4f6h8j0l2n"
_SCOPES: Final = ("projects:read", "users:read")
_MADE: Final = "2026-11-24T12:00:00Z"

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "createApiKey": {"name": "Billing service", "scopes": ["users:read", "projects:read"]},
    "changeApiKey": {"name": "Billing service, EU", "metadata": {"team": "payments"}},
    "rotateApiKey": {"overlap_seconds": 3600},
    "revokeApiKey": {"reason": "Leaked in a build log"},
    "importApiKeys": {
        "format": {"prefix": "sk_live_", "alphabet": "base62", "min_length": 24, "max_length": 24},
        "keys": [
            {
                "sha256": "8d70d691c822d55638b6e7fd54cd94170c87d19eb1f628b757506ede5688d297",
                "name": "Customer 17",
                "scopes": ["users:read"],
                "external_id": "cus_17",
            }
        ],
        "dry_run": True,
    },
    "createProject": {"name": "Billing", "description": "Invoices and payments."},
    "changeProject": {"name": "Billing and invoices"},
    "archiveProject": {},
    "registerApi": {
        "audience": "https://orders.example.com",
        "name": "Orders",
        "scopes": [
            {"name": "orders:read", "description": "See orders."},
            {"name": "orders:write", "description": "Place and cancel orders."},
        ],
        "operations": [
            {"name": "showOrder", "methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]},
            {"name": "placeOrder", "methods": ["POST"], "path": "/orders", "scopes": ["orders:write"]},
        ],
    },
    "changeApi": {"description": "What customers order."},
    "createOrganization": {"name": "Umbrella", "owner_email": "grace@example.org"},
    "renameOrganization": {"name": "Umbrella and Sons"},
    "disableOrganization": {},
    "enableOrganization": {},
    "changeUserRole": {"role": "developer"},
    "putProjectMember": {"role": "admin"},
    "createInvitation": {"email": "grace@example.com", "role": "developer"},
    "acceptInvitation": {
        "token": "TOKEN_OF_THE_LINK",
        "name": "Grace",
        "password": "correct horse battery staple",
    },
    "createRole": {
        "name": "Support",
        "description": "Looks up keys and revokes them.",
        "permissions": ["api-keys:read", "api-keys:write", "projects:read"],
    },
    "changeRole": {"permissions": ["api-keys:read", "projects:read"]},
}
"""A body to send, by operation id."""

_API_KEY: Final = ApiKeyView(
    id=_KEY,
    organization_id=_ORGANIZATION,
    project_id=_PROJECT,
    user_id=None,
    name="Billing service",
    description="",
    mode=Mode.LIVE,
    status="active",
    principal=Principal("service_account", _PROJECT),
    access={OWN_AUDIENCE: _SCOPES},
    scopes=_SCOPES,
    allowed_networks=(),
    metadata={},
    prefix="wv_live",
    last_four="aB3x",
    created_at=_MADE,
    created_by=_CREATOR,
    expires_at=None,
    revoked_at=None,
    revocation_reason=None,
    last_used_at=None,
    last_used_network=None,
    predecessor_id=None,
    successor_id=None,
)
_SHOWN: Final = {name: getattr(_API_KEY, name) for name in ApiKeyView.__struct_fields__}

_USER_VIEW: Final = UserView(
    id=_USER, email="ada@example.com", name="Ada", role="owner", role_name="owner", created_at=_MADE
)
_ORGANIZATION_VIEW: Final = OrganizationView(
    id=_ORGANIZATION, name="Umbrella", status="active", is_operator=False, created_at=_MADE, disabled_at=None
)
_INVITATION_VIEW: Final = InvitationView(
    id="inv_06fsbc4rvpv0np3e5g7i9k1m3o",
    organization_id=_ORGANIZATION,
    email="grace@example.com",
    role="developer",
    status="open",
    created_at=_MADE,
    created_by=_USER,
    expires_at="2026-12-01T12:00:00Z",
    accepted_at=None,
    withdrawn_at=None,
    user_id=None,
)
_ISSUED_INVITATION_VIEW: Final = IssuedInvitationView(
    **msgspec.structs.asdict(_INVITATION_VIEW),
    token="TOKEN_OF_THE_LINK",  # noqa: S106 - an example
    url="https://keys.example.com/invitations/accept#TOKEN_OF_THE_LINK",
)

_VIEWS: Final[tuple[msgspec.Struct, ...]] = (
    _API_KEY,
    ShownApiKeyView(
        **_SHOWN,
        scopes_used=(ScopeUseView(audience=OWN_AUDIENCE, scope="users:read", last_used_at="2026-11-24T11:58:00Z"),),
    ),
    ImportReportView(
        format=KeyFormatView(
            id="fmt_06fsbc4rvpv0lq8d3j1b5n7t2k", prefix="sk_live_", alphabet="base62", min_length=24, max_length=24
        ),
        warnings=(),
        dry_run=False,
        created=1,
        existing=0,
        refused=1,
        rows=(
            ImportedRowView(row=0, outcome="created", id=_KEY, field=None, message=None),
            ImportedRowView(row=1, outcome="refused", id=None, field="name", message="is required"),
        ),
    ),
    IssuedApiKeyView(**_SHOWN, api_key="YOUR_NEW_API_KEY"),
    RotatedApiKeyView(
        **{**_SHOWN, "predecessor_id": _OLD_KEY},
        api_key="YOUR_NEW_API_KEY",
        predecessor=PredecessorView(
            id=_OLD_KEY,
            expires_at="2026-11-24T13:00:00Z",
            last_used_at="2026-11-24T11:58:12.402113Z",
            last_used_network="203.0.113.7",
        ),
    ),
    ProjectView(
        id=_PROJECT,
        organization_id=_ORGANIZATION,
        name="Billing",
        description="Invoices and payments.",
        status="active",
        created_at=_MADE,
        archived_at=None,
    ),
    _USER_VIEW,
    ProjectMemberView(
        project_id=_PROJECT,
        user_id=_USER,
        email="ada@example.com",
        name="Ada",
        role="admin",
        role_name="admin",
        created_at=_MADE,
    ),
    _ORGANIZATION_VIEW,
    OpeningView(**msgspec.structs.asdict(_ORGANIZATION_VIEW), project_id=_PROJECT, invitation=_ISSUED_INVITATION_VIEW),
    _INVITATION_VIEW,
    _ISSUED_INVITATION_VIEW,
    AcceptedView(organization=_ORGANIZATION_VIEW, user=_USER_VIEW),
    RoleView(
        id=_ROLE,
        name="Support",
        description="Looks up keys and revokes them.",
        built_in=False,
        permissions=("api-keys:read", "api-keys:write", "projects:read"),
        access={},
        created_at=_MADE,
    ),
    permission_view(PERMISSIONS[0]),
    ApiView(
        id="api_06fsbc4rvpv0ks1e3g5i7k9m2o",
        organization_id=_ORGANIZATION,
        audience="https://orders.example.com",
        name="Orders",
        description="",
        scopes=(
            ApiScopeBody(name="orders:read", description="See orders."),
            ApiScopeBody(name="orders:write", description="Place and cancel orders."),
        ),
        operations=(
            ApiOperationBody(name="showOrder", methods=("GET",), path="/orders/{id}", scopes=("orders:read",)),
            ApiOperationBody(name="placeOrder", methods=("POST",), path="/orders", scopes=("orders:write",)),
        ),
        visibility="private",
        built_in=False,
        created_at=_MADE,
    ),
    AuditEventView(
        id="evt_06fsbc4rvpv0lt5j7k9m1p3r5s",
        organization_id=_ORGANIZATION,
        at=_MADE,
        action="project.change",
        actor=PartyView("service_account", _PROJECT),
        credential_id=_CREATOR,
        address="203.0.113.7",
        request_id="req_5f0c1d2e3a4b5c6d7e8f9a0b",
        target=PartyView("project", _PROJECT),
        before={"name": "Billing"},
        after={"name": "Invoices"},
        sequence=17,
    ),
    WhoamiView(
        credential=CredentialView(id=_KEY, kind="api_key", name="Billing service", mode=Mode.LIVE, expires_at=None),
        principal=Principal("service_account", _PROJECT),
        organization=NamedView(id=_ORGANIZATION, name="My organization"),
        project=NamedView(id=_PROJECT, name="Default"),
        user=None,
        access={OWN_AUDIENCE: _SCOPES},
        scopes=_SCOPES,
        in_project=None,
    ),
    Health("ok"),
    Readiness(status="ready", database="ok", waiting_writes=0, bus_silence_seconds=0.25),
)

VIEWS: Final[dict[str, Any]] = {type(view).__name__: msgspec.to_builtins(view) for view in _VIEWS}
"""An answer, by the name of its schema."""
