"""The gate: was what would run now reviewed, and is what is destructive approved?

Everything that decides is here, and pure: what it needs is fetched elsewhere and comes in as values. It must not
touch a network, a clock, a file or the environment, and it trusts no text: a record that does not decode is no record.
"""

from __future__ import annotations

from dynatus_ci.review.codec import (
    compose,
    decode,
    fits_comment,
    remaining_characters,
    shortened,
    with_record,
)
from dynatus_ci.review.counting import (
    CommentFacts,
    PullRequestFacts,
    Reviews,
    reviews_of,
    stops_history,
    untouched,
    why_not_counted,
)
from dynatus_ci.review.gate import LABEL, Gate, by_label, pattern
from dynatus_ci.review.record import Record, Scope, Unfinished, mark_used, new_record, scope, unfinished
from dynatus_ci.review.verdict import Files, Verdict, must_remove_label, superseded, verdict

__all__ = [
    "LABEL",
    "CommentFacts",
    "Files",
    "Gate",
    "PullRequestFacts",
    "Record",
    "Reviews",
    "Scope",
    "Unfinished",
    "Verdict",
    "by_label",
    "compose",
    "decode",
    "fits_comment",
    "mark_used",
    "must_remove_label",
    "new_record",
    "pattern",
    "remaining_characters",
    "reviews_of",
    "scope",
    "shortened",
    "stops_history",
    "superseded",
    "unfinished",
    "untouched",
    "verdict",
    "why_not_counted",
    "with_record",
]
