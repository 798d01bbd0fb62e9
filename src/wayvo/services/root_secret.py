"""Which root secret the installation's credentials are digested under, and moving on to another."""

from collections.abc import Sequence

from wayvo.core.credentials.digest import RootSecret
from wayvo.store import credentials, installation, organizations
from wayvo.store.database import Database, Transaction


class IncompleteCopy(Exception):
    """The database holds what an interrupted copy has brought so far; the message says what to do."""


class WrongSecret(Exception):
    """The database was digested under another root secret; the message says what to do."""


async def adopt_root_secret(
    database: Database, root: RootSecret, retired: Sequence[RootSecret], now_us: int
) -> frozenset[str]:
    """Make ``root`` the present secret if every digest's secret is at hand; return those that digests are under."""
    known = {root.fingerprint, *(old.fingerprint for old in retired)}

    def job(transaction: Transaction) -> frozenset[str]:
        connection = transaction.connection
        recorded = installation.secret_fingerprint(connection)
        if recorded is None and not organizations.is_empty(connection):
            raise IncompleteCopy(
                "The database holds part of an installation: a copy into it was interrupted. Finish it (wayvo copy, "
                "with the same --from and --to), or empty the database."
            )
        if recorded is None:
            # Of two first nodes one waits here for the other, and then sees that one's secret.
            installation.claim(connection, root.fingerprint, now_us)
            recorded = installation.secret_fingerprint(connection)
        in_use = credentials.secrets_in_use(connection)
        there = in_use if recorded is None else in_use | {recorded}
        if lost := there - known:
            raise WrongSecret(
                f"Credentials are stored under the root secret {', '.join(sorted(lost))}; the one given is "
                f"{root.fingerprint}. Give the right WAYVO_SECRET_KEY, or the earlier one in WAYVO_RETIRED_SECRET_KEYS."
            )
        if recorded != root.fingerprint:
            installation.set_secret_fingerprint(connection, root.fingerprint, now_us)
        return in_use

    return await database.write(job)


async def register_brand(database: Database, brand: str, now_us: int) -> tuple[str, ...]:
    """Record the brand that keys are made under; return all there ever were."""
    return await database.write(lambda transaction: installation.register_brand(transaction.connection, brand, now_us))
