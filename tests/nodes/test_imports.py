"""Keys imported on one node work on every other: within a second, and whatever was asked there before."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.foreign import import_one, imported, made_elsewhere, row
from tests.harness.nodes import Node
from tests.nodes.narrowings import IN_FORCE_SECONDS

pytestmark = pytest.mark.needs("postgresql")

TRIALS = 10


def test_a_key_imported_on_one_node_works_on_the_other_within_a_second(pair: tuple[Node, Node]) -> None:
    here, there = pair
    for trial in range(TRIALS):
        prefix = f"trial{trial}_"
        wanted = {"prefix": prefix, "alphabet": "base62", "min_length": 24, "max_length": 24}
        key = made_elsewhere(prefix)
        assert [there.decision(key) for _ in range(2)] == ["malformed", "malformed"]
        assert imported(here.operator, row(key), format=wanted)["created"] == 1
        there.wait_for("valid", key, IN_FORCE_SECONDS)


def test_a_key_that_another_node_has_found_to_be_unknown_works_there_once_it_is_imported(
    pair: tuple[Node, Node],
) -> None:
    here, there = pair
    import_one(here.operator, made_elsewhere())
    there.catch_up()
    for _ in range(TRIALS):
        key = made_elsewhere()
        assert [there.decision(key) for _ in range(2)] == ["unknown", "unknown"]
        import_one(here.operator, key)
        there.wait_for("valid", key, IN_FORCE_SECONDS)


@pytest.mark.parametrize("is_used_there", [False, True])
def test_an_imported_key_that_is_revoked_on_one_node_is_denied_on_the_other_within_a_second(
    pair: tuple[Node, Node], is_used_there: bool
) -> None:
    here, there = pair
    for _ in range(TRIALS):
        key = made_elsewhere()
        key_id = import_one(here.operator, key)
        if is_used_there:
            there.wait_for("valid", key, IN_FORCE_SECONDS)
        here.operator.post(f"/v1/api-keys/{key_id}/revoke").raise_for_status()
        there.wait_for("revoked", key, IN_FORCE_SECONDS)


def test_a_revocation_beside_the_first_use_of_an_imported_key_is_in_force_on_both_nodes(
    pair: tuple[Node, Node],
) -> None:
    here, there = pair
    with ThreadPoolExecutor(2) as threads:
        for _ in range(TRIALS):
            key = made_elsewhere()
            key_id = import_one(here.operator, key)
            there.catch_up()
            use = threads.submit(there.decision, key)
            revocation = threads.submit(here.operator.post, f"/v1/api-keys/{key_id}/revoke")
            assert revocation.result().status_code == 200
            assert use.result() in ("valid", "revoked")
            assert here.decision(key) == "revoked"
            there.wait_for("revoked", key, IN_FORCE_SECONDS)


def test_the_same_keys_imported_on_two_nodes_at_once_are_stored_once(pair: tuple[Node, Node]) -> None:
    rows = [row(made_elsewhere()) for _ in range(300)]
    with ThreadPoolExecutor(2) as threads:
        reports = list(
            threads.map(
                lambda work: imported(work[0].operator, *work[1]),
                [(pair[0], rows), (pair[1], list(reversed(rows)))],
            )
        )
    assert sum(report["created"] for report in reports) == len(rows)
    assert sum(report["existing"] for report in reports) == len(rows)
    ids = [{each["id"] for each in report["rows"]} for report in reports]
    assert ids[0] == ids[1]
    assert len(ids[0]) == len(rows)
