"""Tags: exactly those of the file, except `aws:` tags and those that `ignore-tags` leaves alone.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Tagging.html
docs/dynamodb.md#tags
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Path, Step, Value
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Sequence, Structure, Text
from dynatus_ci.table.validation.unknown import whole_items
from dynatus_ci.text import by_number, code, codes, option, plural, quoted

MOST = 50
LOCKED = 2
"""Seconds for which a change of tags keeps out the next one (1.5 to 1.8 s measured), also once it shows."""
NONE: Value = {}
MOST_OF_NAME = 256 - len("@12345678")
"""Characters of a table's name that fit into a tag's value beside its id."""
OURS = "dynatus:"
"""The beginning of the tags that this product sets by itself. A file has none of them, and `Tags` leaves them alone."""
MARKS = "+-=._:/@"
"""What a tag may hold beside letters, digits and spaces of any script."""


def owner(table: str, table_id: str) -> str:
    """A tag's value that says which table is meant, also where another one has its name later."""
    return f"{table[:MOST_OF_NAME]}@{table_id[:8]}"


def is_owner(value: str, table: str) -> bool:
    """Whether such a value means this table, or an earlier one of its name."""
    return value.rpartition("@")[0] == table[:MOST_OF_NAME]


def with_tag(create: Step, key: str, value: str, *, seen_at: Path) -> Step:
    """CreateTable with one more tag.

    Args:
        create: The step.
        key: The tag's key.
        value: Its value.
        seen_at: The path at which it must be seen afterwards.
    """
    listed = [*create.parameters.get(Tags.name, []), {"Key": key, "Value": value}]
    return replace(
        create, parameters={**create.parameters, Tags.name: listed}, expects={**create.expects, seen_at: value}
    )


class Tags(Aspect):
    """Tags by key. One TagResource with everything, then one UntagResource; at the limit of 50 the other way round."""

    name = "Tags"
    title = "tag"
    named = True
    shape = Sequence(Structure({"Key": Text(1, 128), "Value": Text(0, 256)}, required=("Key", "Value")))
    reader = "ListTagsOfResource"
    by_arn = True
    pages = "Tags"
    writers = ("TagResource", "UntagResource")
    in_create = True
    initial = NONE
    seconds = (1, 3)

    def normalise(self, value: Value) -> Value:
        return {tag["Key"]: tag["Value"] for tag in sorted(value, key=lambda tag: str(tag["Key"]))}

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """One bad tag fails the whole CreateTable."""
        tags = definition.get(self.name) or ()
        if len(tags) > MOST:
            yield Finding((self.name, MOST), "too-many-tags", f"A table can have at most {MOST} tags.", at=At.OPENER)
        seen: set[str] = set()
        for number, tag in whole_items(tags):
            path, key = (self.name, number, "Key"), tag["Key"]
            if key in seen:
                yield Finding(path, "duplicate-tag", f"The tag {code(quoted(key))} is here twice.")
            if key.lower().startswith("aws:"):
                message = f"The tag {code(quoted(key))} begins with `aws:`, which is reserved for AWS."
                yield Finding(path, "tag-text", message)
            if key.startswith(OURS):
                message = f"The tag {code(quoted(key))} begins with `{OURS}`, which is reserved for dynatus."
                yield Finding(path, "tag-text", message)
            for member in ("Key", "Value"):
                yield from self._text(tag[member], (self.name, number, member))
            seen.add(key)

    def _text(self, text: str, path: tuple[str | int, ...]) -> Iterator[Finding]:
        bad = next((c for c in text if c not in MARKS and unicodedata.category(c)[0] not in "LNZ"), None)
        if bad is not None:
            message = f"The tag's text {code(quoted(text))} has the character `U+{ord(bad):04X}`, which AWS refuses."
            hint = (
                dialects.placeholder_hint(text) or f"AWS accepts letters, digits, spaces and {code(' '.join(MARKS))}."
            )
            yield Finding(path, "tag-text", message, hint)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return self.normalise(answer.get("Tags") or [])

    def to_definition(self, value: Value) -> Value:
        """Without the tags of AWS and of dynatus itself."""
        kept = {key: text for key, text in value.items() if not key.lower().startswith(("aws:", OURS))}
        return [{"Key": key, "Value": text} for key, text in kept.items()]

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        desired = comparison.desired.at((self.name,))
        actual = comparison.actual_at((self.name,)) or {}
        for key in sorted({*desired, *actual}):
            if desired.get(key) != actual.get(key) and not (key not in desired and self._left_alone(comparison, key)):
                yield comparison.difference((self.name, key), desired.get(key))

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """Tags that are left alone take room, but for those of AWS itself."""
        desired, actual = comparison.desired.at((self.name,)), comparison.actual_at((self.name,)) or {}
        ignored = [
            k for k in actual if k not in desired and self._left_alone(comparison, k) and not k.startswith("aws:")
        ]
        if not differences or len(desired) + len(ignored) <= MOST:
            return None
        tags, others = plural(len(desired), "tag"), plural(len(ignored), "other")
        return Refusal(
            f"The file has {tags} and {option('ignore-tags')} leaves {others} alone. "
            f"A table can have at most {MOST}: {codes(ignored)}."
        )

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """AWS checks the limit on what is there and what comes, so at 50 the old ones go first."""
        if not differences or comparison.info is None:
            return
        arn, actual = comparison.info.arn, comparison.actual_at((self.name,)) or {}
        coming = tuple(difference for difference in differences if difference.desired is not None)
        going = tuple(difference for difference in differences if difference.desired is None)
        kept = {key for key in (*actual, *(d.path[1] for d in coming)) if not key.startswith("aws:")}
        calls = [call(arn, served) for call, served in ((self._tag, coming), (self._untag, going)) if served]
        ordered = calls[::-1] if len(kept) > MOST else calls
        yield from ordered[:1]
        yield from (step.not_before(LOCKED) for step in ordered[1:])

    def parameters(self, value: Value) -> dict[str, Value]:
        return {self.name: [{"Key": key, "Value": text} for key, text in value.items()]}

    def _tag(self, arn: str, coming: tuple[Difference, ...]) -> Step:
        tags = {difference.path[1]: difference.desired for difference in coming}
        return self._call("TagResource", {"ResourceArn": arn, **self.parameters(tags)}, "set", coming)

    def _untag(self, arn: str, going: tuple[Difference, ...]) -> Step:
        keys = [difference.path[1] for difference in going]
        return self._call("UntagResource", {"ResourceArn": arn, "TagKeys": keys}, "remove", going)

    def _call(self, operation: str, parameters: dict[str, Value], verb: str, served: tuple[Difference, ...]) -> Step:
        reason = f"{verb} {by_number(len(served), 'tag', 'tags')} {codes(d.path[1] for d in served)}"
        return replace(self.step(operation, parameters, *served), reason=reason, waits_for="tags set")

    def _left_alone(self, comparison: Comparison, key: str) -> bool:
        patterns = ("aws:*", f"{OURS}*", *comparison.facts.options.ignore_tags)
        return any(fnmatchcase(key, pattern) for pattern in patterns)
