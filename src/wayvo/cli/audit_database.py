"""What the commands on the audit trail itself share: its database, read at one moment, and the root secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Connection

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.server_options import read_settings
from wayvo.cli.transfers import told
from wayvo.core.audit_chain import Sealer, Sealers
from wayvo.installation import root_secrets
from wayvo.settings import SettingError
from wayvo.store import audit_reading, installation, schema
from wayvo.store.data_folder import DataFolderError
from wayvo.store.engines import reading_engine

OrganizationId = Annotated[
    str | None, typer.Option("--organization", metavar="ID", help="Only this organization's: org_…")
]


@dataclass(frozen=True, slots=True)
class Trail:
    """The trail at one moment, and whoever can tell its links from others."""

    connection: Connection
    sealers: Sealers
    organization_id: str | None

    def organizations(self) -> Iterator[str]:
        """Yield whose chains are meant."""
        if self.organization_id is None:
            yield from audit_reading.organizations(self.connection)
        else:
            yield self.organization_id


@contextmanager
def opened(data_dir: str | None, organization_id: str | None) -> Iterator[Trail]:
    """Open the trail for reading, beside running servers."""
    settings = read_settings(is_server=False, data_dir=data_dir)
    with told("Nothing was changed."):
        engine = reading_engine(settings.resolved_database_url)
        schema.check(engine)
        try:
            root, retired = root_secrets(settings)
        except (SettingError, DataFolderError) as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from None
        with engine.connect() as connection, connection.begin():
            recorded = installation.secret_fingerprint(connection)
            if recorded is None:
                raise CommandFailed("The installation is not set up yet: run wayvo init first.", ExitCode.NOT_FOUND)
            if recorded not in {root.fingerprint, *(old.fingerprint for old in retired)}:
                raise CommandFailed(
                    f"The trail is under the root secret {recorded}; the one given is {root.fingerprint}. "
                    "Give the right WAYVO_SECRET_KEY.",
                    ExitCode.USAGE,
                )
            sealers = Sealers(Sealer(root), [Sealer(old) for old in retired])
            if organization_id is not None and organization_id not in audit_reading.organizations(connection):
                raise CommandFailed(f"There is no audit trail of {organization_id!r}.", ExitCode.NOT_FOUND)
            yield Trail(connection, sealers, organization_id)
        engine.dispose()
