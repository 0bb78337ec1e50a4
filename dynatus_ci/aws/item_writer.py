"""Putting items into a table that does not have them, and deleting items from it.

An item is put only if there is none with its key, so nothing that an application wrote is overwritten.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.multiplestatements.batching.html
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, TypeAlias

from dynatus_ci.aws import item_calls
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.item_calls import ItemCalls
from dynatus_ci.table import emulators
from dynatus_ci.table.items import Item
from dynatus_ci.table.origins import copying
from dynatus_ci.text import code, codes

_Insert: TypeAlias = tuple[Item, dict[str, Any]]
"""An item, and the statement that puts it."""

PARTIQL = "PartiQL"
"""What `Aws.remember_unsupported` remembers of an endpoint that does not know BatchExecuteStatement."""
_ALREADY = frozenset({"DuplicateItem", "ConditionalCheckFailed"})
_NOT_TAKEN = "ValidationError"
"""AWS does not take a statement. It may be the item, or a name that PartiQL does not know: PutItem tells them apart."""
_REFUSALS = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
_AGAIN = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)


class ItemWriter:
    """Writes into one table, and counts what it has written.

    Args:
        calls: Makes the calls.
        target: The table's name.
        key: The attributes of its key.
    """

    def __init__(self, calls: ItemCalls, target: str, key: Sequence[str]) -> None:
        self._calls, self._target, self._key = calls, target, key
        self._lock = Lock()
        self.written, self.removed, self.units = 0, 0, 0.0

    def put(self, batch: Sequence[Item]) -> None:
        """Put each item that the table does not have. No key may be twice in a batch.

        Raises:
            CallFailed: A call did not succeed, or AWS refuses an item.
        """
        inserts = [(item, copying.insert(self._target, item)) for item in batch]
        together = [(item, insert) for item, insert in inserts if insert is not None]
        if self._knows_partiql() and self._insert_all(together):
            inserts = [(item, insert) for item, insert in inserts if insert is None]
        for item, _ in inserts:
            self._put_item(item)

    def _insert_all(self, sent: Sequence[_Insert]) -> bool:
        """Put some items in batches; False where the endpoint does not know how."""
        while sent:
            try:
                sent = self._insert(sent)
            except CallFailed as failed:
                self._calls.aws.remember_unsupported_after(failed, PARTIQL)
                return False
        return True

    def _knows_partiql(self) -> bool:
        return PARTIQL not in self._calls.aws.unsupported and self._calls.aws.emulator not in emulators.WITHOUT_PARTIQL

    def _insert(self, sent: Sequence[_Insert]) -> list[_Insert]:
        """Put some items; the answer is those that must be sent again."""
        statements = [insert for _, insert in sent]
        answer = self._calls.make("BatchExecuteStatement", table=self._target, writes=len(sent), Statements=statements)
        again: list[_Insert] = []
        written = 0
        for pair, response in zip(sent, answer["Responses"], strict=True):
            error = response.get("Error", {})
            reason = error.get("Code")
            if reason in _AGAIN:
                again.append(pair)
            elif reason is None:
                written += 1
            elif reason == _NOT_TAKEN:
                self._put_item(pair[0])
            elif reason not in _ALREADY:
                raise self._refused("BatchExecuteStatement", str(reason))
        self._count(answer, written=written)
        if again:
            refused = codes(sorted(_AGAIN & {one.get("Error", {}).get("Code") for one in answer["Responses"]}))
            self._calls.slow_down(f"BatchExecuteStatement of table {code(self._target)} has {refused} for some items")
        return again

    def _put_item(self, item: Item) -> None:
        name, target = self._key[0], self._target
        condition = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": name},
        }
        try:
            answer = self._calls.make("PutItem", table=target, writes=1, TableName=target, Item=item, **condition)
        except CallFailed as failed:
            if failed.code in _REFUSALS:
                raise self._refused("PutItem", failed.code) from None
            if failed.code != "ConditionalCheckFailedException":
                raise
        else:
            self._count(answer, written=1)

    def remove(self, batch: Sequence[Item]) -> None:
        """Delete some items, however often it takes: to delete one that is gone changes nothing.

        Raises:
            CallFailed: A call did not succeed.
        """
        target = self._target
        keys = [{name: item[name] for name in self._key} for item in batch]
        left = {target: [{"DeleteRequest": {"Key": key}} for key in keys]}
        while left:
            sent = len(left[target])
            answer = self._calls.make("BatchWriteItem", table=target, writes=sent, RequestItems=left)
            left = answer.get("UnprocessedItems") or {}
            self._count(answer, removed=sent - len(left.get(target, ())))
            if left:
                self._calls.slow_down(f"BatchWriteItem of table {code(target)} has left some items")

    def _count(self, answer: Any, *, written: int = 0, removed: int = 0) -> None:
        with self._lock:
            self.written += written
            self.removed += removed
            self.units += item_calls.units(answer)

    def _refused(self, operation: str, reason: str) -> CallFailed:
        """AWS refuses one item. Its text may quote the item, so it is not shown."""
        about = f"{operation} of table {code(self._target)}"
        denied = reason == "AccessDenied"
        return CallFailed(
            f"{about} failed: AWS refuses an item with {code(reason)}.",
            kind=ErrorKind.DENIED if denied else ErrorKind.PERMANENT,
            operation=operation,
            code=reason,
            table=self._target,
            missing_permission="dynamodb:PartiQLInsert" if denied else None,
            hint="Allow `dynamodb:PartiQLInsert` for these credentials." if denied else None,
        )
