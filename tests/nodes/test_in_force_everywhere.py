"""What one node was told is in force on every other: within a second, and without asking for it."""

import pytest
from msgspec.structs import replace

from tests.harness.nodes import Node
from tests.nodes.narrowings import IN_FORCE_SECONDS, NARROWINGS, Narrowing, seconds_until_in_force
from wayvo.core.change import Change
from wayvo.installation import Installation
from wayvo.store import api_keys
from wayvo.store.database import Transaction

pytestmark = pytest.mark.needs("postgresql")

TRIALS = 50


@pytest.mark.parametrize("narrowing", NARROWINGS, ids=lambda narrowing: narrowing.name)
def test_what_ends_or_narrows_a_key_on_one_node_is_in_force_on_the_other_within_a_second(
    pair: tuple[Node, Node], narrowing: Narrowing
) -> None:
    here, there = pair
    seconds = [seconds_until_in_force(narrowing, here, there) for _ in range(TRIALS)]
    assert max(seconds) <= IN_FORCE_SECONDS


def test_a_key_made_on_one_node_works_at_once_on_the_other(pair: tuple[Node, Node]) -> None:
    here, there = pair
    for _ in range(TRIALS):
        assert there.decision(here.create_key(scopes=["users:read"])["api_key"]) == "valid"


def test_a_key_that_another_node_has_found_to_be_unknown_works_there_once_it_is_stored(
    pair: tuple[Node, Node],
) -> None:
    here, there = pair
    created = here.create_key(scopes=["users:read"])

    for _ in range(TRIALS):
        secret = here.server.mint()
        assert [there.decision(secret) for _ in range(2)] == ["unknown", "unknown"]

        async def store(installation: Installation, secret: str = secret) -> None:
            digest = installation.digester(secret.encode())
            new_id = installation.draw.new_id("key", installation.draw.clock())

            def job(transaction: Transaction) -> None:
                connection = transaction.connection
                key = api_keys.get(connection, created["organization_id"], created["id"])
                assert key is not None
                api_keys.insert(connection, replace(key, id=new_id), digest, installation.digester.fingerprint)
                transaction.announce(Change("credential", digest.hex(), key.created_at))

            await installation.database.write(job)

        here.server.call(store)
        there.wait_for("valid", secret, IN_FORCE_SECONDS)
