"""The last batch that each node committed: how a node learns what became of a commit that nobody answered.

Not by the transaction's number (``pg_xact_status``): one that a crash kept from the disk is given to another
transaction after the recovery, and the fate that the server tells is the other's.
"""

from typing import Final

from sqlalchemy import BigInteger, Connection, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import insert

from wayvo.store.tables import last_batches

# Built once: each is run with every batch, however small.
_NOW_US: Final = cast(func.extract("epoch", func.now()) * 1_000_000, BigInteger)
_MARK: Final = select(bindparam("node", type_=Text), bindparam("batch", type_=Text), _NOW_US)
_FRESH: Final = insert(last_batches).from_select(
    ["node", "batch", "written_at"], _MARK.where(func.pg_current_xact_id_if_assigned().is_not(None))
)
_NOTE: Final = _FRESH.on_conflict_do_update(
    index_elements=["node"], set_={"batch": _FRESH.excluded.batch, "written_at": _FRESH.excluded.written_at}
)
# Changes nothing: a plain query would not wait for a row that another transaction holds, or has just made.
_AWAIT_LAST: Final = (
    insert(last_batches)
    .from_select(["node", "batch", "written_at"], _MARK)
    .on_conflict_do_update(index_elements=["node"], set_={"batch": last_batches.c.batch})
    .returning(last_batches.c.batch)
)


def note(connection: Connection, node: str, batch: str) -> None:
    """Note, in the batch's own transaction, that it is the node's last; nothing to note if it has written nothing."""
    connection.execute(_NOTE, {"node": node, "batch": batch})


def await_last(connection: Connection, node: str) -> str:
    """Return the node's last batch, ``""`` if there is none; wait for the end of a transaction that may add one."""
    last: str = connection.execute(_AWAIT_LAST, {"node": node, "batch": ""}).scalar_one()
    return last


def sweep(connection: Connection, before_us: int, limit: int) -> int:
    """Delete at most ``limit`` rows of nodes that have long written nothing; return how many."""
    rows = last_batches.c
    is_due = rows.written_at < before_us
    due = select(rows.node).where(is_due).order_by(rows.written_at).limit(limit)
    # Asked twice: a node may write its first batch for long while its row is being deleted.
    return connection.execute(last_batches.delete().where(rows.node.in_(due), is_due)).rowcount
