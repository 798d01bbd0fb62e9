"""Organizations, their members, the members of projects, and invitations as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wayvo.api.schemas.fields import Email, Moment, Name, RoleId
from wayvo.core.instants import format_instant
from wayvo.core.invitations import Invitation, InvitationStatus, IssuedInvitation, link
from wayvo.core.organizations import Organization, ProjectMember, User
from wayvo.services.acceptance import Accept, Accepted
from wayvo.services.invitations import Invite
from wayvo.services.organizations import CreateOrganization, Opening
from wayvo.services.passwords import MAX_LENGTH, MIN_LENGTH

Replay = Annotated[Literal[True] | UnsetType, Meta(description="Present when the answer is a replay.")]
RoleName = Annotated[str, Meta(description="What people call the role.", examples=["owner"])]


class OrganizationView(msgspec.Struct, frozen=True, kw_only=True):
    """An organization. Disabled, it is denied everything."""

    id: Annotated[str, Meta(examples=["org_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    name: str
    status: Literal["active", "disabled"]
    is_operator: Annotated[bool, Meta(description="Whether its members may run the installation.")]
    created_at: Moment
    disabled_at: Moment | None


class CreateOrganizationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organization to make, and who is invited to own it."""

    name: Name
    owner_email: Email

    def to_command(self) -> CreateOrganization:
        """Return what the service understands."""
        return CreateOrganization(name=self.name, owner_email=self.owner_email)


class RenameOrganizationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Its new name."""

    name: Name


class SwitchOrganizationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing: it has no fields."""


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the organization."""

    id: Annotated[str, Meta(examples=["usr_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    email: str
    name: str
    role: RoleId
    role_name: RoleName
    created_at: str


class RoleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The role to give."""

    role: RoleId


class ProjectMemberView(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a role in a project beyond the one in the organization."""

    project_id: str
    user_id: str
    email: str
    name: str
    role: RoleId
    role_name: RoleName
    created_at: Moment


class InviteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to invite, as what."""

    email: Email
    role: RoleId

    def to_command(self) -> Invite:
        """Return what the service understands."""
        return Invite(email=self.email, role=self.role)


class InvitationView(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation. Its token is not stored and never shown again."""

    id: Annotated[str, Meta(examples=["inv_01k8b3v0q5f7g9h1j3k5m7n9p1"])]
    organization_id: str
    email: str
    role: RoleId
    status: InvitationStatus
    created_at: Moment
    created_by: Annotated[str, Meta(description="The user or credential that invited.")]
    expires_at: Moment
    accepted_at: Moment | None
    withdrawn_at: Moment | None
    user_id: Annotated[str | None, Meta(description="Who accepted it.")]


class IssuedInvitationView(InvitationView, frozen=True, kw_only=True):
    """An invitation just made, with its link, which is shown this once."""

    token: Annotated[str | None, Meta(description="What the link carries. Null when the answer is a replay.")]
    url: Annotated[str | None, Meta(description="The link to send. Null when the answer is a replay.")]
    replayed: Replay = UNSET


class OpeningView(OrganizationView, frozen=True, kw_only=True):
    """A new organization, its first project, and the invitation of its owner."""

    project_id: str
    invitation: Annotated[IssuedInvitationView | None, Meta(description="Null when the answer is a replay.")]
    replayed: Replay = UNSET


class AcceptInvitationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token, and who comes with it."""

    token: Annotated[str, Meta(min_length=1, max_length=2000, description="The token, or the whole link.")]
    name: Annotated[Name | None, Meta(description="For who is no user yet.")] = None
    password: Annotated[
        Annotated[str, Meta(min_length=MIN_LENGTH, max_length=MAX_LENGTH)] | None,
        Meta(description="A new user's to be; the present one of an address that has a user with a password."),
    ] = None

    def to_command(self) -> Accept:
        """Return what the service understands."""
        return Accept(token=self.token, name=self.name, password=self.password)

    def __repr__(self) -> str:
        return "AcceptInvitationBody(…)"


class AcceptedView(msgspec.Struct, frozen=True, kw_only=True):
    """The membership that the invitation gave."""

    organization: OrganizationView
    user: UserView


def organization_view(organization: Organization) -> OrganizationView:
    """Return an organization as JSON shows it."""
    disabled_at = organization.disabled_at
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        status="active" if disabled_at is None else "disabled",
        is_operator=organization.is_operator,
        created_at=format_instant(organization.created_at),
        disabled_at=None if disabled_at is None else format_instant(disabled_at),
    )


def opening_view(opening: Opening, now_us: int, public_url: str) -> OpeningView:
    """Return a new organization as JSON shows it, once."""
    shown = organization_view(opening.organization)
    return OpeningView(
        **msgspec.structs.asdict(shown),
        project_id=opening.project.id,
        invitation=issued_invitation_view(opening.owner, now_us, public_url),
    )


def user_view(user: User) -> UserView:
    """Return a member as JSON shows one."""
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        role_name=user.role_name or user.role,
        created_at=format_instant(user.created_at),
    )


def project_member_view(member: ProjectMember) -> ProjectMemberView:
    """Return a project's member as JSON shows one."""
    return ProjectMemberView(
        project_id=member.project_id,
        user_id=member.user_id,
        email=member.email,
        name=member.name,
        role=member.role,
        role_name=member.role_name or member.role,
        created_at=format_instant(member.created_at),
    )


def invitation_view(invitation: Invitation, now_us: int) -> InvitationView:
    """Return an invitation as JSON shows it."""
    return InvitationView(
        id=invitation.id,
        organization_id=invitation.organization_id,
        email=invitation.email,
        role=invitation.role,
        status=invitation.status(now_us),
        created_at=format_instant(invitation.created_at),
        created_by=invitation.created_by,
        expires_at=format_instant(invitation.expires_at),
        accepted_at=None if invitation.accepted_at is None else format_instant(invitation.accepted_at),
        withdrawn_at=None if invitation.withdrawn_at is None else format_instant(invitation.withdrawn_at),
        user_id=invitation.user_id,
    )


def issued_invitation_view(issued: IssuedInvitation, now_us: int, public_url: str) -> IssuedInvitationView:
    """Return a new invitation as JSON shows it, once."""
    shown = invitation_view(issued.invitation, now_us)
    return IssuedInvitationView(**msgspec.structs.asdict(shown), token=issued.token, url=link(public_url, issued.token))


def accepted_view(accepted: Accepted) -> AcceptedView:
    """Return a new membership as JSON shows it."""
    return AcceptedView(organization=organization_view(accepted.organization), user=user_view(accepted.user))
