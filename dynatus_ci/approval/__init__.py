"""The gate: is what would run now what was reviewed, and is what loses something named?

Everything that decides is here, and pure: what it needs is fetched elsewhere and comes in as values. It must not
touch a network, a clock, a file or the environment, and it trusts no text: a record that does not decode is no record.
"""

from __future__ import annotations

from dynatus_ci.approval.comments import COMMENT_BUDGET, compose, decode, encode, fits, room, with_record
from dynatus_ci.approval.findings import (
    MOST_COMMITS,
    MOST_RECORDS,
    Finding,
    PullRequest,
    Review,
    Reviews,
    ends_walk,
    objection,
    plan_file,
    reviews,
    untouched,
)
from dynatus_ci.approval.gate import LABEL, Gate, Refusal, covered, words
from dynatus_ci.approval.records import Record, Scope, close, record, scope
from dynatus_ci.approval.verdicts import Verdict, label_must_go, superseded, unnamed, verdict

__all__ = [
    "COMMENT_BUDGET",
    "LABEL",
    "MOST_COMMITS",
    "MOST_RECORDS",
    "Finding",
    "Gate",
    "PullRequest",
    "Record",
    "Refusal",
    "Review",
    "Reviews",
    "Scope",
    "Verdict",
    "close",
    "compose",
    "covered",
    "decode",
    "encode",
    "ends_walk",
    "fits",
    "label_must_go",
    "objection",
    "plan_file",
    "record",
    "reviews",
    "room",
    "scope",
    "superseded",
    "unnamed",
    "untouched",
    "verdict",
    "with_record",
    "words",
]
