"""The three tags: #profile, #join and #param.

A definition may come from a stranger's pull request. So a tag depends on the text, the name of the environment and the
parameters, and never on the process environment, files or the network. A malformed tag has a fault and is BROKEN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dynatus_ci.definitions.nodes import FormKind, Node, Source, Span
from dynatus_ci.errors import Fault
from dynatus_ci.text import code, option, quoted, shorten

DEFAULT = "default"
MOST_LISTED = 20
"""Names in one message."""
MOST_JOINED = 1 << 16
"""Characters of one #join. The longest value that DynamoDB takes, a policy, has a third of that."""
MOST_TEXT = 64 << 20
"""Characters of all #join and #param of a run, as many as all files may have. Without a limit, a short file could
repeat a long parameter thousands of times."""

_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(
        ("env", "hostname", "user", "prop"), f"Write `#param NAME`, and pass its value with {option('params')}."
    ),
    "or": "Write `#param [NAME default]`.",
    **dict.fromkeys(
        ("long", "boolean", "double", "keyword"), "Write `#param NAME`: it has the type that its place needs."
    ),
    "envf": "Write `#join` with `#param`.",
    **dict.fromkeys(("include", "ref", "merge", "read-edn"), "Write the value itself."),
    **dict.fromkeys(("inst", "uuid"), "A definition has no values of this type."),
}
"""What to write instead of the tags of Aero and of EDN itself."""

_COLLECTIONS = {FormKind.VECTOR, FormKind.LIST, FormKind.SET}


@dataclass(slots=True)
class Budget:
    """How many characters tags may still make."""

    left: int = MOST_TEXT

    def spend(self, size: int) -> bool:
        """Use some of it; False where there is not enough."""
        self.left -= size
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class TagScope:
    """What tags may depend on, and the names that they use."""

    environment: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    environments: set[str] = field(default_factory=set)
    """The environments that any #profile has a branch for."""
    used: set[str] = field(default_factory=set)
    """The parameters that any #param uses."""
    budget: Budget = field(default_factory=Budget)


class _Wrong(Exception):
    """A tag is malformed, or has no value for this run."""

    def __init__(self, span: Span, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.span, self.message, self.code, self.hint = span, message, code, hint


def resolve(node: Node, *, source: Source, scope: TagScope) -> tuple[Node, list[Fault]]:
    """Replace all tags in a node by their values.

    Returns:
        The node without tags, whose values keep the places of their source, and the faults.
    """
    resolver = _Resolver(source, scope)
    return resolver.evaluate(node), resolver.faults


class _Branch(NamedTuple):
    names: list[str]
    value: Node


class _Resolver:
    """Resolves the tags of one node. It recurses, which is safe: the reader limits the depth."""

    def __init__(self, source: Source, scope: TagScope) -> None:
        self._source = source
        self._scope = scope
        self.faults: list[Fault] = []

    def evaluate(self, node: Node) -> Node:
        """The node without tags."""
        if node.kind is FormKind.TAGGED:
            return self._guarded(node)
        if node.kind in _COLLECTIONS:
            return node._replace(value=tuple(map(self.evaluate, node.value)))
        if node.kind is FormKind.MAP:
            return node._replace(value=tuple((key, self.evaluate(value)) for key, value in self._pairs(node)))
        return node

    def _pairs(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """The pairs of a map. A tag cannot be a key: it could silently replace another key."""
        for key, value in node.value:
            if key.kind is FormKind.TAGGED:
                self._note(_Wrong(key, "A tag cannot be a key.", code="tag-as-key", hint="Write the key itself."))
            else:
                yield key, value

    def _guarded(self, node: Node) -> Node:
        try:
            return self._value(node)
        except _Wrong as wrong:
            self._note(wrong)
            return Node(FormKind.BROKEN, None, node.start, node.end)

    def _note(self, wrong: _Wrong) -> None:
        self.faults.append(self._source.fault(wrong.span, code=wrong.code, message=wrong.message, hint=wrong.hint))

    def _value(self, node: Node) -> Node:
        tag, argument = node.value.name, node.value.argument
        if tag == "profile":
            return self._profile(node, _branches(node))
        if tag == "join":
            return self._join(node, _parts(node))
        if tag == "param":
            return self._param(node, _parameter(argument))
        hint = _INSTEAD.get(tag, "The tags are `#profile`, `#join` and `#param`.")
        raise _Wrong(node.value, f"Unknown tag {code(f'#{shorten(tag)}')}.", code="unknown-tag", hint=hint)

    def _profile(self, node: Node, branches: list[_Branch]) -> Node:
        names = [name for branch in branches for name in branch.names]
        self._scope.environments.update(names)
        chosen = self._scope.environment if self._scope.environment in names else DEFAULT
        for branch in branches:
            if chosen not in branch.names:
                self._survey(branch.value)
        for branch in branches:
            if chosen in branch.names:
                return self.evaluate(branch.value)
        message = "This run has no `environment`, and this `#profile` has no `:default` branch."
        if self._scope.environment is not None:
            message = f"This `#profile` has no branch for the environment {code(quoted(self._scope.environment))}."
        known = f"Its branches are {listed(names)}." if names else "It has no branches."
        hint = f"{known} Set {option('environment')} to one of them, or add one or `:default`." if names else known
        raise _Wrong(node.value, message, code="no-branch", hint=hint)

    def _survey(self, node: Node) -> None:
        """Check the form of the tags in a branch that is not chosen: another environment would fail on it later."""
        faults = len(self.faults)
        for tagged in _tags(node):
            try:
                self._check_form(tagged)
            except _Wrong as wrong:
                self._note(wrong)
        if len(self.faults) == faults:
            self._survey_keys(node)

    def _check_form(self, node: Node) -> None:
        tag, argument = node.value.name, node.value.argument
        if tag == "profile":
            self._scope.environments.update(name for branch in _branches(node) for name in branch.names)
        elif tag == "join":
            _parts(node)
        elif tag == "param":
            self._scope.used.add(_parameter(argument)[0])
        else:
            self._value(node)

    def _survey_keys(self, node: Node) -> None:
        for inner in _nodes(node):
            if inner.kind is FormKind.MAP:
                list(self._pairs(inner))

    def _join(self, node: Node, parts: tuple[Node, ...]) -> Node:
        values = [self.evaluate(part) for part in parts]
        if any(value.kind is FormKind.BROKEN for value in values):
            return Node(FormKind.BROKEN, None, node.start, node.end)
        texts = [_joined(value) for value in values]
        size = sum(map(len, texts))
        if size > MOST_JOINED:
            message = f"This `#join` makes {size:,} characters. It can make at most {MOST_JOINED:,}."
            raise _Wrong(node.value, message, code="too-large")
        self._spend(node, size)
        return Node(FormKind.STRING, "".join(texts), node.start, node.end)

    def _spend(self, node: Node, size: int) -> None:
        if not self._scope.budget.spend(size):
            message = f"All `#join` and `#param` together make more than {MOST_TEXT:,} characters."
            raise _Wrong(node.value, message, code="too-large")

    def _param(self, node: Node, asked: tuple[str, Node | None]) -> Node:
        name, default = asked
        self._scope.used.add(name)
        if name in self._scope.params:
            if default is not None:
                self._survey(default)
            self._spend(node, len(self._scope.params[name]))
            return Node(FormKind.PARAMETER, (name, self._scope.params[name]), node.start, node.end)
        if default is not None:
            return self.evaluate(default)
        given = code(f"{shorten(name)}=VALUE")
        hint = f"Pass {given} with {option('params')}."
        if self._scope.params:
            hint = f"The parameters of this run are {listed(sorted(self._scope.params))}."
        raise _Wrong(node, f"Unknown parameter {code(quoted(name))}.", code="unknown-parameter", hint=hint)


def listed(names: Sequence[str]) -> str:
    """The first of some names, in code spans."""
    return ", ".join(code(shorten(name)) for name in names[:MOST_LISTED])


def _children(node: Node) -> Iterator[Node]:
    if node.kind in _COLLECTIONS:
        yield from node.value
    elif node.kind is FormKind.MAP:
        for key, value in node.value:
            yield key
            yield value
    elif node.kind is FormKind.TAGGED:
        yield node.value.argument


def _nodes(node: Node) -> Iterator[Node]:
    """A node and all inside it, in the order of the text."""
    stack = [node]
    while stack:
        inner = stack.pop()
        yield inner
        stack.extend(reversed(list(_children(inner))))


def _tags(node: Node) -> Iterator[Node]:
    return (inner for inner in _nodes(node) if inner.kind is FormKind.TAGGED)


def _branches(node: Node) -> list[_Branch]:
    argument = node.value.argument
    if argument.kind is not FormKind.MAP:
        hint = "Write `#profile {:prod … :default …}`."
        raise _Wrong(argument, "`#profile` needs a map of environments.", code="bad-profile", hint=hint)
    branches, seen = [], set[str]()
    for key, value in argument.value:
        names = [_environment(name) for name in (key.value if key.kind is FormKind.SET else (key,))]
        if seen.intersection(names):
            raise _Wrong(key, "This `#profile` has two branches for one environment.", code="bad-profile")
        seen.update(names)
        branches.append(_Branch(names, value))
    return branches


def _environment(node: Node) -> str:
    if node.kind in {FormKind.KEYWORD, FormKind.STRING}:
        return str(node.value)
    hint = "Write `:name`, `#{:one :other}` or `:default`."
    raise _Wrong(node, f"A branch of `#profile` cannot be for a {node.kind.value}.", code="bad-profile", hint=hint)


def _parts(node: Node) -> tuple[Node, ...]:
    argument: Node = node.value.argument
    if argument.kind not in {FormKind.VECTOR, FormKind.LIST}:
        hint = 'Write `#join ["…" #param name]`.'
        raise _Wrong(argument, "`#join` needs a vector of strings and numbers.", code="bad-join", hint=hint)
    return tuple(argument.value)


def _joined(part: Node) -> str:
    if part.kind is FormKind.PARAMETER:
        return str(part.value[1])
    if part.kind in {FormKind.STRING, FormKind.WHOLE}:
        return str(part.value)
    hint = f"Write {code(quoted(part.value))}." if part.kind in {FormKind.KEYWORD, FormKind.SYMBOL} else None
    raise _Wrong(part, f"`#join` cannot join a {part.kind.value}.", code="bad-join", hint=hint)


def _parameter(argument: Node) -> tuple[str, Node | None]:
    """The name of a #param, and its default."""
    name, default = argument, None
    if argument.kind is FormKind.VECTOR and len(argument.value) == 2:  # noqa: PLR2004  # [name default]
        name, default = argument.value
    if name.kind not in {FormKind.SYMBOL, FormKind.KEYWORD, FormKind.STRING}:
        hint = "Write `#param name` or `#param [name default]`."
        raise _Wrong(argument, "`#param` needs a name.", code="bad-param", hint=hint)
    return str(name.value), default
