"""Members, roles and disabled organizations, changed through the tables, and told to all as the services tell it."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from tests.harness.server import RunningServer
from wayvo.core.access.grants import Access
from wayvo.core.change import Change, ChangeKind
from wayvo.core.ids import IdKind
from wayvo.core.organizations import User
from wayvo.installation import Installation
from wayvo.store import users
from wayvo.store.database import Transaction
from wayvo.store.tables import members, organizations, project_members, roles


def put_member(connection: Connection, organization_id: str, user_id: str, role: str, now_us: int) -> None:
    """Make a user a member."""
    row = {"organization_id": organization_id, "user_id": user_id, "role": role, "created_at": now_us}
    connection.execute(members.insert(), row)


def put_project_role(
    connection: Connection, organization_id: str, project_id: str, user_id: str, role: str, now_us: int
) -> None:
    """Give a member a role in a project."""
    row = {"project_id": project_id, "user_id": user_id, "role": role, "created_at": now_us}
    connection.execute(project_members.insert(), row | {"organization_id": organization_id})


def put_role(connection: Connection, organization_id: str, role_id: str, access: Access, now_us: int) -> None:
    """Make a custom role."""
    row = {"id": role_id, "organization_id": organization_id, "name": role_id, "description": "", "created_at": now_us}
    connection.execute(roles.insert(), row | {"access": msgspec.json.encode(access).decode()})


class Membership:
    """Who belongs to the operator's organization on a server, and what they hold there."""

    def __init__(self, server: RunningServer, organization_id: str | None = None) -> None:
        self._server = server
        if organization_id is None:
            assert server.founded is not None
            organization_id = server.founded.organization.id
        self.organization_id = organization_id

    def add_user(self, role: str) -> str:
        """Make a new user a member; return the user's id."""
        user_id = self._new_id("usr")

        def change(connection: Connection, now: int) -> None:
            user = User(id=user_id, email=f"{user_id}@acme.example", name="Ann", role=role, created_at=now)
            users.insert(connection, self.organization_id, user, None)

        self._do("member", user_id, change)
        return user_id

    def set_role(self, user_id: str, role: str) -> None:
        """Change a member's role in the organization."""
        there = (members.c.organization_id == self.organization_id) & (members.c.user_id == user_id)
        statement = members.update().where(there).values(role=role)
        self._do("member", user_id, lambda connection, _: connection.execute(statement))

    def remove(self, user_id: str) -> None:
        """End a membership, and what hangs on it."""

        def change(connection: Connection, _: int) -> None:
            for table in (members, project_members):
                there = (table.c.organization_id == self.organization_id) & (table.c.user_id == user_id)
                connection.execute(table.delete().where(there))

        self._do("member", user_id, change)

    def invite_again(self, user_id: str, role: str) -> None:
        """Make somebody a member who was one before."""
        self._do(
            "member",
            user_id,
            lambda connection, now: put_member(connection, self.organization_id, user_id, role, now),
        )

    def set_project_role(self, user_id: str, project_id: str, role: str | None) -> None:
        """Give a member a role in a project in place of the one held there, or none."""

        def change(connection: Connection, now: int) -> None:
            there = (project_members.c.project_id == project_id) & (project_members.c.user_id == user_id)
            connection.execute(project_members.delete().where(there))
            if role is not None:
                put_project_role(connection, self.organization_id, project_id, user_id, role, now)

        self._do("member", user_id, change)

    def add_role(self, access: Access) -> str:
        """Make a custom role; return its id."""
        role_id = self._new_id("rol")
        self._do(
            "role",
            role_id,
            lambda connection, now: put_role(connection, self.organization_id, role_id, access, now),
        )
        return role_id

    def change_role(self, role_id: str, access: Access) -> None:
        """Change what a custom role allows."""
        encoded = msgspec.json.encode(access).decode()
        statement = roles.update().where(roles.c.id == role_id).values(access=encoded)
        self._do("role", role_id, lambda connection, _: connection.execute(statement))

    def disable(self) -> None:
        """Disable the organization."""
        self._set_disabled(lambda now: now)

    def enable(self) -> None:
        """Enable the organization again."""
        self._set_disabled(lambda _: None)

    def _set_disabled(self, since: Callable[[int], int | None]) -> None:
        statement = organizations.update().where(organizations.c.id == self.organization_id)
        self._do(
            "organization",
            self.organization_id,
            lambda connection, now: connection.execute(statement.values(disabled_at=since(now))),
        )

    def _new_id(self, kind: IdKind) -> str:
        async def step(installation: Installation) -> str:
            return installation.draw.new_id(kind, installation.draw.clock())

        return self._server.call(step)

    def _do(self, kind: ChangeKind, subject: str, change: Callable[[Connection, int], object]) -> None:
        async def step(installation: Installation) -> None:
            now = installation.draw.clock()

            def job(transaction: Transaction) -> None:
                change(transaction.connection, now)
                transaction.announce(Change(kind, subject, now))

            await installation.database.write(job)

        self._server.call(step)
