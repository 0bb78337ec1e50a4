"""How far a table is whose items are kept, and why it may be refused there.

docs/dynamodb.md#keeping-items
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class KeepStage(Enum):
    """What is found of a table and its copy, so what remains to be done."""

    NOT_WANTED = "its definition does not keep the items, and no copy is in the way"
    NOT_KNOWN = "its tags cannot be read yet"
    NOTHING = "no item has to be kept, and no copy is left"
    TO_COPY = "the table is to go, and it has no copy"
    COPYING = "the table is to go, and a copy of it was begun"
    TO_BUILD = "the table is gone, and its copy is complete"
    FILLING = "the new table is being filled from the copy"
    LEFT_OVER = "a copy is left that nothing waits for"
    UNFINISHED = "its definition does not keep the items, and the table does not have all of them back"
    IN_THE_WAY = "its definition does not keep the items, and a copy of them is left"
    INCOMPLETE = "the table is gone, and its copy is not complete"
    LOST = "the new table is being filled from a copy that is gone"
    FOREIGN = "somebody else's table has the copy's name"
    NO_LONGER_MARKED = "the new table is being filled from a copy whose tag is gone"
    MAY_BE_THE_COPY = "the table is gone, and a table without the tag has the copy's name"
    UNTAGGED = "a table has the copy's name, and nobody can say whose it is"


IDLE = frozenset({KeepStage.NOT_WANTED, KeepStage.NOT_KNOWN, KeepStage.NOTHING})
"""Nothing is to be done, and nothing is refused."""
KEEPS = frozenset({KeepStage.TO_COPY, KeepStage.COPYING})
"""The table that is to go is copied first."""
ENDS_EARLIER = frozenset({KeepStage.FILLING, KeepStage.LEFT_OVER})
"""The copy of an earlier change is ended first: its items go back, and it is deleted. Then another change may begin."""
REFUSALS: Mapping[KeepStage, str] = {
    KeepStage.UNFINISHED: (
        "The table does not have all of its items back: {copy} held them when its key changed. Write {line} into the "
        "definition, and apply ends that change. If it has all that it needs, remove its tag {mark}."
    ),
    KeepStage.IN_THE_WAY: (
        "{copy} holds a copy of its items, from a change that has not ended. Write {line} into the definition, and "
        "apply ends that change. If nobody needs the items, delete {copy}."
    ),
    KeepStage.INCOMPLETE: (
        "The table is gone, and {copy}, the copy of its items, is not complete. Restore {backup} as {table}, then "
        "apply goes on. To create the table with the items that are in {copy}, write {copy_from} instead of {line}."
    ),
    KeepStage.LOST: (
        "The table was being filled from {copy}, and that copy is gone. Restore a backup under another name and look "
        "at the items. When the table is complete, remove its tag {mark}."
    ),
    KeepStage.FOREIGN: (
        "There is a table {copy} that dynatus did not create. The items are kept under that name while the table is "
        "created again, so the name must be free."
    ),
    KeepStage.NO_LONGER_MARKED: (
        "The table is being filled from {copy}, which no longer has the tag {tag} with the value {value}. If it "
        "is still the copy, set the tag again: then apply goes on."
    ),
    KeepStage.MAY_BE_THE_COPY: (
        "There is no table {table}, and {copy} has no tag {tag} that names it. If {copy} holds its items, write "
        "{copy_from} instead of {line}. If not, remove {line} to create the table empty."
    ),
    KeepStage.UNTAGGED: (
        "There is a table {copy}, and this endpoint keeps no tags: nobody can say whether it holds all items of "
        "{table}. If {table} has them, delete {copy}. To get them from {copy}, write {copy_from} instead of {line}."
    ),
}
"""Why a table is not changed. `{line}` is the member that keeps items, and `{copy_from}` the one that copies them."""
