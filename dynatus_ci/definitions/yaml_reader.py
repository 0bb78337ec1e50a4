"""Reads YAML as a tree of values with their places.

PyYAML's parser makes the events; no object is ever constructed. YAML 1.1 and 1.2 read some plain scalars as different
values. Of these, `yes`, `no`, `on` and `off` are booleans, as for CloudFormation and PyYAML. All others are text as it
is written: `017`, `1_000`, `12:30`, `0o17` and dates. So a number is never read as another one.

The loop over the events has limits and does not recurse. What an alias stands for counts each time that it is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml

from dynatus_ci.definitions.nodes import (
    MOST_TOKENS,
    Document,
    FormKind,
    Node,
    Reader,
    Tag,
    lines,
    tag_in,
)
from dynatus_ci.text import code, shorten

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml is twenty times as fast, and takes the tabs that YAML allows. Every wheel of PyYAML has it."""


def read(text: str, file: str) -> Document:
    """Read the root values of all documents of a text.

    Raises:
        InvalidDefinitions: The text is not YAML, or has what no definition needs. It has exactly one fault.
    """
    return _YamlReader(lines(text), file).read()


# --- scalars ---------------------------------------------------------------------------------------------------------

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = {form for word in ("true", "yes", "on") for form in (word, word.capitalize(), word.upper())}
_FALSE = {form for word in ("false", "no", "off") for form in (word, word.capitalize(), word.upper())}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_FORBIDDEN = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What is no character of YAML: https://yaml.org/spec/1.1/#id868524."""

_STANDARD = "tag:yaml.org,2002:"
_STANDARD_KINDS = {
    "str": FormKind.STRING,
    "int": FormKind.WHOLE,
    "float": FormKind.FLOAT,
    "bool": FormKind.BOOLEAN,
    "null": FormKind.NIL,
    "map": FormKind.MAP,
    "seq": FormKind.VECTOR,
}
_FUNCTIONS = frozenset(
    {"Base64", "Cidr", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue", "Join", "Select", "Split", "Sub"}
)
"""CloudFormation's functions that have a short form: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/
intrinsic-function-reference.html. `!Sub text` is `{"Fn::Sub": text}`."""
_PROPERTIES = re.compile(r"(?:&\S+\s+)?(?P<tag>!\S*)?(?:\s+&\S+)?\s*")
"""An anchor and a tag before a value, in any order."""


class _Part(NamedTuple):
    start: int
    end: int


class _Anchored(NamedTuple):
    """What an alias stands for, how many events it has, and how many levels."""

    node: Node
    size: int
    levels: int


@dataclass(slots=True, eq=False)
class _YamlFrame:
    """An open collection, or a document (kind None)."""

    kind: FormKind | None
    event: Any
    size_before: int = 0
    items: list[Node] = field(default_factory=list)
    levels: int = 0

    @property
    def wants_key(self) -> bool:
        """Whether the next value is a key."""
        return self.kind is FormKind.MAP and len(self.items) % 2 == 0


class _YamlReader(Reader):
    """Reads one text, event by event."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._stack: list[_YamlFrame] = []
        self._forms: list[Node] = []
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0
        self._tagged = False

    def read(self) -> Document:
        forbidden = _FORBIDDEN.search(self._text)
        if forbidden:
            message = f"YAML cannot hold the character `U+{ord(forbidden[0]):04X}` itself."
            self._fail(_Part(*forbidden.span()), message, code="bad-token", hint="Write it as an escape in a string.")
        try:
            for event in yaml.parse(self._text, Loader=LOADER):
                self._take(event)
        except yaml.MarkedYAMLError as broken:
            self._fail_syntax(broken)
        except yaml.YAMLError:
            self._fail(_Part(0, 0), "This is not YAML.", code="bad-yaml")
        return Document(self._source, tuple(self._forms), self._tagged)

    # --- events

    def _take(self, event: Any) -> None:  # noqa: ANN401  # PyYAML's events have no useful types
        if isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()
            self._stack = [_YamlFrame(None, event)]
        elif isinstance(event, yaml.ScalarEvent):
            self._spend(event, 1)
            self._add(self._scalar(event), event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.DocumentEndEvent):
            # A document without a value has an empty one.
            self._forms += [form for form in self._stack.pop().items if form.start < form.end]

    def _spend(self, event: Any, size: int) -> None:  # noqa: ANN401
        self._size += size
        if self._size > MOST_TOKENS:
            message = f"This file has more than {MOST_TOKENS:,} values, counting what its aliases repeat."
            self._fail(_span(event), message, code="too-long")

    def _nest(self, event: Any, levels: int) -> None:  # noqa: ANN401
        self._limit_depth(_span(event), len(self._stack) - 1 + levels)

    def _open(self, event: Any) -> None:  # noqa: ANN401
        self._nest(event, 1)
        kind = FormKind.MAP if isinstance(event, yaml.MappingStartEvent) else FormKind.VECTOR
        self._stack.append(_YamlFrame(kind, event, self._size))
        self._spend(event, 1)

    def _close(self, event: Any) -> None:  # noqa: ANN401
        frame = self._stack.pop()
        begin = frame.event
        # A collection in block style ends where the next value begins. Its last member is where it ends for people.
        end = event.end_mark.index if begin.flow_style or not frame.items else frame.items[-1].end
        value: tuple[Any, ...] = tuple(frame.items)
        if frame.kind is FormKind.MAP:
            value = self._merged(self._pairs(frame))
        node = Node(frame.kind or FormKind.NIL, value, self._start(begin), max(end, begin.end_mark.index))
        tag = tag_in(node.value) if node.kind is FormKind.MAP else None
        if tag:
            self._tagged = True
            node = node._replace(kind=FormKind.TAGGED, value=tag)
        self._add(self._with_tag(node, begin), begin, size=self._size - frame.size_before, levels=frame.levels + 1)

    def _alias(self, event: Any) -> None:  # noqa: ANN401
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            inside = any(frame.event.anchor == event.anchor for frame in self._stack[1:])
            what = "is inside its own anchor" if inside else "has no anchor before it"
            self._fail(_span(event), f"The alias {code(f'*{shorten(event.anchor)}')} {what}.", code="bad-alias")
        self._spend(event, anchored.size)
        self._nest(event, anchored.levels)
        node = anchored.node
        if self._stack[-1].wants_key:
            node = self._as_key(node)._replace(start=event.start_mark.index, end=event.end_mark.index)
        self._put(node, anchored.levels)

    def _add(self, node: Node, event: Any, *, size: int = 1, levels: int = 0) -> None:  # noqa: ANN401
        """Add a complete value to the open collection."""
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, size, levels)
        self._put(self._as_key(node) if self._stack[-1].wants_key else node, levels)

    def _put(self, node: Node, levels: int) -> None:
        frame = self._stack[-1]
        frame.items.append(node)
        frame.levels = max(frame.levels, levels)

    # --- maps

    def _as_key(self, node: Node) -> Node:
        """A key is a name. Only `!profile` takes several names, as a list. SYMBOL is the key of a merge."""
        if node.kind in {FormKind.KEYWORD, FormKind.SYMBOL, FormKind.TAGGED}:
            return node
        if node.kind is FormKind.STRING:
            return node._replace(kind=FormKind.KEYWORD)
        if node.kind is FormKind.VECTOR:
            return node._replace(kind=FormKind.SET)
        text = self._text[node.start : node.end]
        if node.kind is FormKind.MAP or not text:
            self._fail(node, "A key must be a name.", code="bad-key")
        return node._replace(kind=FormKind.KEYWORD, value=text)

    def _pairs(self, frame: _YamlFrame) -> Iterator[tuple[Node, Node]]:
        """The pairs of a map, each key once."""
        seen: dict[str, Node] = {}
        for key, value in zip(frame.items[::2], frame.items[1::2], strict=True):
            name = key.value if key.kind is FormKind.KEYWORD else self._text[key.start : key.end]
            first = seen.setdefault(f"{key.kind} {name}", key)
            if first is not key:
                message = f"{self._shown(key)} is here twice. The first is at {self._at(first.start)}."
                self._fail(key, message, code="duplicate-key")
            yield key, value

    def _merged(self, pairs: Iterator[tuple[Node, Node]]) -> tuple[tuple[Node, Node], ...]:
        """The pairs of a map, and those of the maps under its `<<` that it does not have itself."""
        every = list(pairs)
        own = [(key, value) for key, value in every if key.kind is not FormKind.SYMBOL]
        names = {key.value for key, _ in own}
        for value in (value for key, value in every if key.kind is FormKind.SYMBOL):
            for source in value.value if value.kind is FormKind.VECTOR else (value,):
                if source.kind is not FormKind.MAP:
                    hint = "Write `<<: *name`, or `<<: [*one, *other]`."
                    self._fail(value, "A merge needs a map, or a list of maps.", code="bad-merge", hint=hint)
                own += [pair for pair in source.value if pair[0].value not in names]
                names.update(key.value for key, _ in source.value)
        return tuple(own)

    # --- scalars and tags

    def _scalar(self, event: Any) -> Node:  # noqa: ANN401
        end = event.start_mark.index + len(self._text[event.start_mark.index : event.end_mark.index].rstrip())
        start = min(self._start(event), end)
        plain = event.style in {None, ""}
        if event.tag is None and plain:
            return self._plain(event.value, start, end)
        if event.tag in {None, "!", f"{_STANDARD}str"}:
            return Node(FormKind.STRING, event.value, start, end)
        if not plain or not event.tag.startswith(_STANDARD):
            # The argument of a tag is text. No argument is none.
            kind = FormKind.NIL if plain and not event.value else FormKind.STRING
            return self._with_tag(Node(kind, event.value or None, start, end), event)
        return self._with_tag(self._plain(event.value, start, end), event)

    def _plain(self, text: str, start: int, end: int) -> Node:
        """A scalar without quotes."""
        if self._stack[-1].wants_key:
            kind = FormKind.SYMBOL if text == "<<" else FormKind.STRING if text else FormKind.NIL
            return Node(kind, text, start, end)
        if text in _NULL:
            return Node(FormKind.NIL, None, start, end)
        if text in _TRUE or text in _FALSE:
            return Node(FormKind.BOOLEAN, text in _TRUE, start, end)
        if _WHOLE.fullmatch(text) or _HEX.fullmatch(text):
            value = self._whole(_Part(start, end), text, hint="Put it in quotes if it is a text.")
            return Node(FormKind.WHOLE, value, start, end)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return Node(FormKind.FLOAT, float(text), start, end)
        return Node(FormKind.STRING, text, start, end)

    def _with_tag(self, node: Node, event: Any) -> Node:  # noqa: ANN401
        """The value with its tag. A function of CloudFormation in its short form gets its long form."""
        if event.tag in {None, "!"} or _STANDARD_KINDS.get(event.tag.removeprefix(_STANDARD)) is node.kind:
            return node
        written = _PROPERTIES.match(self._text, event.start_mark.index)
        start, end = written.span("tag") if written else (node.start, node.end)
        name = event.tag.removeprefix("!")
        if name.startswith(_STANDARD):
            name = f"!{name.removeprefix(_STANDARD)}"
        if name in _FUNCTIONS or name in {"Ref", "Condition"}:
            long = f"Fn::{name}" if name in _FUNCTIONS else name
            return Node(FormKind.MAP, ((Node(FormKind.KEYWORD, long, start, end), node),), start, node.end)
        self._tagged = True
        argument = node if node.start < node.end else node._replace(start=start, end=end)
        return Node(FormKind.TAGGED, Tag(name, argument, start, end), start, node.end)

    def _start(self, event: Any) -> int:  # noqa: ANN401
        """Where a value begins, after its anchor and its tag."""
        at: int = event.start_mark.index
        if event.anchor or event.tag:
            properties = _PROPERTIES.match(self._text, at)
            return properties.end() if properties else at
        return at

    # --- faults

    def _fail_syntax(self, broken: yaml.MarkedYAMLError) -> NoReturn:
        """Refuse a text that PyYAML cannot parse. Its own words are for those who write parsers."""
        mark, context = broken.problem_mark or broken.context_mark, broken.context_mark
        at = min(mark.index, len(self._text)) if mark else 0
        problem = broken.problem or ""
        message, hint = _explained(problem, broken.context or "", self._text[at : at + 1])
        if context and context.index < at and not self._text[at:].strip():
            # It shows at the end of the file, and is about what was opened before.
            at = context.index
        end = at + 1 if self._text[at : at + 1].strip(" \n") else at
        self._fail(_Part(at, end), message, code="bad-yaml", hint=hint)


def _span(event: Any) -> _Part:  # noqa: ANN401
    return _Part(event.start_mark.index, event.end_mark.index)


_EXPLAINED: tuple[tuple[str, str, str | None], ...] = (
    ("unexpected end of stream", "The string that opens here is never closed.", "A quote may be missing before it."),
    ("tab character", "A tab cannot indent a line of YAML.", "Use spaces."),
    ("mapping values are not allowed", "A `:` cannot stand here.",
     "Check the indentation. A text with a colon and a space in it needs quotes."),
    ("could not find expected ':'", "A `:` is missing after this key.", "Check the quotes and the indentation."),
    ("did not find expected key", "A key of the map was expected here.",
     "Check the indentation of this line, and the quotes before it."),
    ("did not find expected '-' indicator", "A `-` was expected here.", "Check the indentation of this line."),
    ("did not find expected ',' or ']'", "A `,` or `]` is missing here.", None),
    ("did not find expected ',' or '}'", "A `,` or `}` is missing here.", None),
    ("block sequence entries are not allowed", "A `-` cannot stand here.", "Begin the list on a line of its own."),
    ("unknown escape character", "Unknown escape in a string.",
     r"Write `\\` for a backslash, or use single quotes."),
    ("undefined tag handle", "This tag has an unknown prefix.", "The tags are `!profile`, `!join` and `!param`."),
    ("did not find expected <document start>", "A second value begins here.",
     "Check the indentation, or put `---` between two tables."),
    ("cannot start any token", "A text cannot begin with this character.", "Put the text in quotes."),
)  # fmt: skip
"""A part of a problem's text in libyaml → what it means for people."""


def _explained(problem: str, context: str, character: str) -> tuple[str, str | None]:
    """A message and a hint for a problem of the parser."""
    if "cannot start any token" in problem and character == "\t":
        problem = "tab character"
    for part, message, hint in _EXPLAINED:
        if part in problem:
            return message, hint
    where = f" {shorten(context, 80)}" if context else ""
    return "This is not YAML.", f"The parser says {code(shorten(problem, 80))}{where}."
