"""The inputs of the action and the options of the command: parsed, checked, and with all their defaults.

The command uses the same names and rules as the action.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlsplit

from dynatus_ci.aws import endpoints
from dynatus_ci.definitions import DEFAULT_PATH
from dynatus_ci.errors import InvalidInput
from dynatus_ci.text import code, codes, option


class Mode(StrEnum):
    """What a run does."""

    PLAN = "plan"
    APPLY = "apply"
    DRIFT = "drift"
    VALIDATE = "validate"


class Approval(StrEnum):
    """What must be reviewed before apply changes anything."""

    REVIEWED_PLAN = "reviewed-plan"
    NONE = "none"


class Checking(StrEnum):
    """Whether the live items are asked if they fit."""

    AUTO = "auto"
    NONE = "none"


InputText: TypeAlias = str | Sequence[str]
"""The text of an input. An option of the command that can be repeated has a list of texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All inputs. A field has the name of its input, with `_` for `-`.

    Only the action has `approval`, `comment`, `github_token`, `note`, `pull_request` and `report`.

    Args:
        approval: None if it is not given. `approval_at` knows its default.
    """

    mode: Mode = Mode.PLAN
    path: str = DEFAULT_PATH
    region: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    environment: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    table_prefix: str = ""
    baseline: str | None = None
    allow_destructive: tuple[str, ...] = ()
    approval: Approval | None = None
    out: str | None = None
    report: str | None = None
    note: str | None = None
    reviewed: str | None = None
    pull_request: int | None = None
    comment: bool = True
    ignore_tags: tuple[str, ...] = ()
    max_parallel: int = 10
    check: Checking = Checking.AUTO
    wait_minutes: float = 60
    detach: bool = False
    copy_rate: int | None = None
    github_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The inputs of the action. Paths stay as they are written.

        For each input of action.yml, the runner sets a variable: `INPUT_` and the name in capitals, with its hyphens.
        An input that is not given is an empty text (actions/runner, Handler.cs). Other spellings are not read: they
        would be variables of the job or of an earlier step.

        Raises:
            InvalidInput: Has all wrong inputs, and what is allowed.
        """
        sent = {name: environ.get(f"INPUT_{name.upper()}", "") for name in NAMES}
        return cls.from_texts({name: text for name, text in sent.items() if text.strip()})

    @classmethod
    def from_texts(cls, texts: Mapping[str, InputText]) -> Self:
        """The inputs with these texts, by name (`endpoint-url`).

        Raises:
            InvalidInput: Has all wrong inputs, and what is allowed.
        """
        inputs = cls(**_parse(texts))
        _check_mode(inputs)
        return inputs

    def approval_at(self, endpoint_url: str | None) -> Approval:
        """What must be reviewed if the tables are at this endpoint. None is AWS."""
        if self.approval is not None:
            return self.approval
        emulator = not endpoints.is_aws_endpoint(endpoint_url)
        return Approval.NONE if emulator and urlsplit(endpoint_url).scheme == "http" else Approval.REVIEWED_PLAN


# --- parsing of each input --------------------------------------------------------------------------------------------


def _choice(kind: type[StrEnum]) -> Callable[[InputText], StrEnum]:
    def read(text: InputText) -> StrEnum:
        value = _one(text)
        if value not in list(kind):
            raise ValueError(f"{code(value)} is not one of {codes(kind)}")
        return kind(value)

    return read


def _flag(text: InputText) -> bool:
    value = _one(text)
    if value not in {"true", "false"}:
        raise ValueError(f"{code(value)} is not one of `true`, `false`")
    return value == "true"


def _matching(pattern: str, meaning: str) -> Callable[[InputText], str]:
    def read(text: InputText) -> str:
        value = _one(text)
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{code(value)} is not {meaning}")
        return value

    return read


def _whole(text: InputText) -> int:
    return int(_matching(r"[1-9][0-9]{0,8}", "a positive whole number, such as 10")(text))


def _minutes(text: InputText) -> float:
    value = float(_matching(r"[0-9]{1,9}(\.[0-9]{1,9})?", "a positive number of minutes, such as 60 or 0.5")(text))
    if not value:
        raise ValueError("0 is not a positive number of minutes, such as 60 or 0.5")
    return value


def _line(text: InputText) -> str:
    value = _one(text)
    if not value.isprintable():
        raise ValueError(f"{code(value)} is more than one line, or has invisible characters")
    return value


def _path(text: InputText) -> str:
    value = _one(text)
    if "\0" in value or "\n" in value:
        raise ValueError(f"{code(value)} is not one path")
    return value


def _endpoint(text: InputText) -> str:
    value = _line(text)
    endpoints.check(value)
    return value


def _entries(text: InputText) -> tuple[str, ...]:
    lines = text.split("\n") if isinstance(text, str) else text
    return tuple(line.strip() for line in lines if line.strip())


def _params(text: InputText) -> dict[str, str]:
    params: dict[str, str] = {}
    lines = [line.removesuffix("\r") for line in text.split("\n")] if isinstance(text, str) else text
    for number, line in enumerate(lines, start=1):
        if line.strip():
            name, sign, value = line.partition("=")
            name = name.strip()
            if not sign or not re.fullmatch(r"[^\s=]+", name):
                raise ValueError(f"entry {number} is not `NAME=VALUE`")  # without its text, which may be a secret
            if name in params:
                raise ValueError(f"{code(name)} is given twice")
            params[name] = value
    return params


def _one(text: InputText) -> str:
    if not isinstance(text, str):
        raise TypeError("only some options of the command can be repeated")
    return text.strip()


_READERS: Final[Mapping[str, Callable[[InputText], object]]] = {
    "mode": _choice(Mode),
    "path": _path,
    "region": _matching(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", "a region, such as `eu-west-1`"),
    "endpoint-url": _endpoint,
    "account": _matching(r"[0-9]{12}", "an account number of 12 digits"),
    "environment": _line,
    "params": _params,
    "table-prefix": _matching(r"[A-Za-z0-9_.-]{1,252}", "the beginning of a table name (a-z, A-Z, 0-9, `_`, `-`, `.`)"),
    "baseline": _path,
    "allow-destructive": _entries,
    "approval": _choice(Approval),
    "out": _path,
    "report": _path,
    "note": _line,
    "reviewed": _path,
    "pull-request": _whole,
    "comment": _flag,
    "ignore-tags": _entries,
    "max-parallel": _whole,
    "check": _choice(Checking),
    "wait-minutes": _minutes,
    "detach": _flag,
    "copy-rate": _whole,
    "github-token": _matching(r"[\x21-\x7e]+", "a token"),
}
NAMES: Final = tuple(_READERS)
"""The inputs of the action, in the order of its documentation."""

_ONLY_IN: Final[Mapping[str, tuple[Mode, ...]]] = {
    "baseline": (Mode.PLAN, Mode.VALIDATE),
    "out": (Mode.PLAN,),
    "reviewed": (Mode.APPLY,),
}


def _parse(texts: Mapping[str, InputText]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, text in texts.items():
        try:
            values[name.replace("-", "_")] = _READERS[name](text)
        except ValueError as error:
            secret = name == "github-token"  # the message would repeat it
            faults.append(f"{option(name)}: {'it is not a token' if secret else error}.")
    if faults:
        raise InvalidInput(" ".join(faults))
    return values


def _check_mode(inputs: Inputs) -> None:
    for name, modes in _ONLY_IN.items():
        if getattr(inputs, name.replace("-", "_")) is not None and inputs.mode not in modes:
            message = f"{option(name)} cannot be used with `mode: {inputs.mode}`, only with {codes(modes)}."
            raise InvalidInput(message)
