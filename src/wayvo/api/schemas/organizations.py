"""Projects and APIs as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wayvo.api.schemas.fields import Audience, Description, Name
from wayvo.core.access.scopes import MAX_SCOPE_LENGTH, SCOPE_PATTERN
from wayvo.core.instants import format_instant
from wayvo.core.operations import MAX_OPERATIONS, MAX_PATTERN_LENGTH, METHOD_PATTERN, ApiOperation
from wayvo.core.organizations import Api, ApiScope, Project, Visibility
from wayvo.services.apis import ChangeApi, RegisterApi
from wayvo.services.projects import ChangeProject, CreateProject


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A project. Archived, all its keys have ended."""

    id: Annotated[str, Meta(examples=["prj_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    organization_id: str
    name: str
    description: str
    status: Literal["active", "archived"]
    created_at: str
    archived_at: str | None
    replayed: Annotated[Literal[True] | UnsetType, Meta(description="Present when the answer is a replay.")] = UNSET


class CreateProjectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project to make."""

    name: Name
    description: Description = ""

    def to_command(self) -> CreateProject:
        """Return what the service understands."""
        return CreateProject(name=self.name, description=self.description)


class ChangeProjectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET

    def to_command(self) -> ChangeProject:
        """Return what the service understands."""
        return ChangeProject(name=self.name, description=self.description)


class ArchiveProjectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing: it has no fields."""


class ApiScopeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scope that the API declares."""

    name: Annotated[
        str,
        Meta(
            max_length=MAX_SCOPE_LENGTH,
            pattern=SCOPE_PATTERN,
            examples=["invoices:read"],
            description="`noun:verb` in lower case.",
        ),
    ]
    description: Description = ""


class ApiOperationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation of the API: these methods on paths of this pattern need all of these scopes."""

    name: (
        Annotated[
            str,
            Meta(
                max_length=100,
                pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)",
                examples=["listInvoices"],
                description="For people.",
            ),
        ]
        | None
    ) = None
    methods: Annotated[
        tuple[Annotated[str, Meta(pattern=METHOD_PATTERN + r"(?!\n)")], ...],
        Meta(min_length=1, max_length=20, examples=[["GET"]], description='Or `["*"]` for every method.'),
    ]
    path: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_PATTERN_LENGTH,
            examples=["/v1/invoices/{id}"],
            description=(
                "Literal segments, `{name}` for one segment, at the end `**` for whatever follows. The most specific "
                "pattern decides: from the first segment on, a literal goes before `{name}`, and that before `**`."
            ),
        ),
    ]
    scopes: Annotated[
        tuple[Annotated[str, Meta(max_length=MAX_SCOPE_LENGTH, pattern=SCOPE_PATTERN)], ...],
        Meta(max_length=50, examples=[["invoices:read"]], description="Scopes that the API declares; all are needed."),
    ] = ()


ApiOperations = Annotated[
    tuple[ApiOperationBody, ...],
    Meta(max_length=MAX_OPERATIONS, description="What is declared here is all that the API can do."),
]
ApiScopes = Annotated[tuple[ApiScopeBody, ...], Meta(max_length=200)]


class ApiView(msgspec.Struct, frozen=True, kw_only=True):
    """A protected API (resource server)."""

    id: Annotated[str, Meta(examples=["api_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    organization_id: str
    audience: Audience
    name: str
    description: str
    scopes: tuple[ApiScopeBody, ...]
    operations: tuple[ApiOperationBody, ...]
    visibility: Visibility
    built_in: Annotated[bool, Meta(description="Whether this is Wayvo's own API, which can't be changed.")]
    created_at: str
    replayed: Annotated[Literal[True] | UnsetType, Meta(description="Present when the answer is a replay.")] = UNSET


class RegisterApiBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API to protect. Its audience, an absolute URI, names it for ever."""

    audience: Audience
    name: Name
    description: Description = ""
    scopes: ApiScopes = ()
    operations: ApiOperations = ()
    visibility: Visibility = "private"

    def to_command(self) -> RegisterApi:
        """Return what the service understands."""
        return RegisterApi(
            audience=self.audience,
            name=self.name,
            description=self.description,
            scopes=_scopes(self.scopes),
            operations=_operations(self.operations),
            visibility=self.visibility,
        )


class ChangeApiBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    scopes: ApiScopes | UnsetType = UNSET
    operations: ApiOperations | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET

    def to_command(self) -> ChangeApi:
        """Return what the service understands."""
        return ChangeApi(
            name=self.name,
            description=self.description,
            scopes=UNSET if self.scopes is UNSET else _scopes(self.scopes),
            operations=UNSET if self.operations is UNSET else _operations(self.operations),
            visibility=self.visibility,
        )


def project_view(project: Project) -> ProjectView:
    """Return a project as JSON shows it."""
    return ProjectView(
        id=project.id,
        organization_id=project.organization_id,
        name=project.name,
        description=project.description,
        status="active" if project.archived_at is None else "archived",
        created_at=format_instant(project.created_at),
        archived_at=None if project.archived_at is None else format_instant(project.archived_at),
    )


def api_view(api: Api) -> ApiView:
    """Return an API as JSON shows it."""
    return ApiView(
        id=api.id,
        organization_id=api.organization_id,
        audience=api.audience,
        name=api.name,
        description=api.description,
        scopes=tuple(ApiScopeBody(name=scope.name, description=scope.description) for scope in api.scopes),
        operations=tuple(
            ApiOperationBody(
                name=operation.name, methods=operation.methods, path=operation.path, scopes=operation.scopes
            )
            for operation in api.operations
        ),
        visibility=api.visibility,
        built_in=api.built_in,
        created_at=format_instant(api.created_at),
    )


def _scopes(scopes: tuple[ApiScopeBody, ...]) -> tuple[ApiScope, ...]:
    return tuple(ApiScope(scope.name, scope.description) for scope in scopes)


def _operations(operations: tuple[ApiOperationBody, ...]) -> tuple[ApiOperation, ...]:
    return tuple(
        ApiOperation(name=operation.name, methods=operation.methods, path=operation.path, scopes=operation.scopes)
        for operation in operations
    )
