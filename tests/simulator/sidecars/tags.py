"""TagResource, UntagResource, ListTagsOfResource: a lock after each write, and reads that lag.

docs/dynamodb.md#tags
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions, errors
from tests.simulator.operations import reads, writes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


@reads("ListTagsOfResource")
def list_tags(account: Account, request: Json) -> Json:
    """Some tags a page, in no order; the token says where the next one begins."""
    table = account.by_arn(request["ResourceArn"])
    start = int(request.get("NextToken", 0))
    entries = [{"Key": key, "Value": value} for key, value in table.tags.seen.items()]
    end = start + account.tag_page
    return {"Tags": entries[start:end]} | ({"NextToken": str(end)} if end < len(entries) else {})


@writes("TagResource")
def tag(account: Account, request: Json) -> Json:
    """Set tags; the limit counts them together with those that are there."""
    table, tags = account.by_arn(request["ResourceArn"]), request["Tags"]
    if not tags:
        raise errors.validation("Atleast one Tag needs to be provided as Input.")
    definitions.check_tags(tags)
    wanted = {one["Key"]: one["Value"] for one in tags}
    replay = bool(table.tags.being_set) and table.tags.being_set.items() <= wanted.items()
    _check_lock(account, table, replay=replay)
    definitions.check_tag_count({*table.tags.now, *wanted})
    _write(account, table, wanted, lambda: table.tags.now.update(wanted))
    return {}


@writes("UntagResource")
def untag(account: Account, request: Json) -> Json:
    """Remove tags; one that is not there is no error."""
    table, keys = account.by_arn(request["ResourceArn"]), request["TagKeys"]
    if not keys:
        raise errors.validation("Atleast one Tag Key needs to be provided as Input.")
    for key in keys:
        definitions.check_tag_key(key)
    _check_lock(account, table, replay=False)

    def remove() -> None:
        for key in keys:
            table.tags.now.pop(key, None)

    _write(account, table, {}, remove)
    return {}


def _check_lock(account: Account, table: Table, *, replay: bool) -> None:
    if account.now < table.tags.locked_until and not replay:
        raise errors.ApiError("LimitExceededException", f"Table tags are being updated: {table.name}")


def _write(account: Account, table: Table, wanted: dict[str, str], change: Callable[[], None]) -> None:
    tags = table.tags
    tags.locked_until, tags.being_set = account.now + account.duration("tag lock", table.name), wanted
    change()

    def show() -> None:
        tags.seen = dict(tags.now)

    account.later(account.duration("tag lag", table.name) if account.lag else 0, show)
