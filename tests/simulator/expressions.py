"""Filter and condition expressions: the text becomes a function that says whether an item is meant.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html

Names of attributes are taken as `#name` only, and only of attributes at the top of an item. Everything else is AWS's:
a comparison of two types is false and no error, double parentheses are refused, and so is what is not used.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tests.simulator.errors import ApiError, validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Json = dict[str, Any]
MOST_BYTES, MOST_OPERATORS = 4096, 300
TYPES: Final = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL")
_TOKEN: Final = re.compile(r"\s*(#\w+|:\w+|<>|<=|>=|[=<>(),]|[A-Za-z_]\w*)")
_WORDS: Final = {"AND", "OR", "NOT", "BETWEEN", "IN"}
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARGUMENTS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}


class Expressions:
    """The expressions of one request. When all are read, `finish` refuses names and values that none of them used."""

    def __init__(self, request: Json) -> None:
        self._request = request
        self._used: set[str] = set()

    def condition(self, member: str) -> Callable[[Json], bool]:
        """The test that the expression in this member of the request makes; without one everything is meant."""
        text = self._request.get(member)
        if text is None:
            return lambda _: True
        return _Parser(member, text, self._name, self._value).parse()

    def projection(self) -> Callable[[Json], Json]:
        """What of an item is shown."""
        text = self._request.get("ProjectionExpression")
        if text is None:
            return lambda item: item
        names = {self._name("ProjectionExpression", name.strip()) for name in text.split(",")}
        return lambda item: {name: value for name, value in item.items() if name in names}

    def finish(self) -> None:
        """Refuse what was given and never used, as AWS does."""
        for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            unused = sorted(set(self._request.get(member, {})) - self._used)
            if unused:
                raise validation(f"Value provided in {member} unused in expressions: keys: {{{', '.join(unused)}}}")

    def _name(self, member: str, token: str) -> str:
        if not token.startswith("#"):
            raise validation(f"The simulator does not simulate the path {token}: it takes #name only")
        return str(self._lookup(member, "ExpressionAttributeNames", "name", token))

    def _value(self, member: str, token: str) -> Json:
        value: Json = self._lookup(member, "ExpressionAttributeValues", "value", token)
        return value

    def _lookup(self, member: str, table: str, noun: str, token: str) -> Any:
        given = self._request.get(table, {})
        if token not in given:
            raise validation(
                f"Invalid {member}: An expression attribute {noun} used in expression is not defined; "
                f"attribute {noun}: {token}"
            )
        self._used.add(token)
        return given[token]


class _Parser:
    """Reads one expression from left to right; each method reads one level of precedence, the loosest first."""

    def __init__(
        self,
        member: str,
        text: str,
        name: Callable[[str, str], str],
        value: Callable[[str, str], Json],
    ) -> None:
        self._member, self._names, self._values = member, name, value
        if not text:
            raise self._invalid("The expression can not be empty;")
        if len(text.encode()) > MOST_BYTES:
            size = len(text.encode())
            raise self._invalid(f"Expression size has exceeded the maximum allowed size; expression size: {size}")
        self._tokens = list(self._split(text))
        self._at = 0
        self._operators = 0

    def parse(self) -> Callable[[Json], bool]:
        test = self._or()
        if self._peek():
            raise self._syntax()
        if self._operators > MOST_OPERATORS:
            raise self._invalid(f"The expression contains too many operators; operator count: {self._operators}")
        return test

    def _split(self, text: str) -> Iterator[str]:
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._invalid(f'Syntax error; token: "{text[at]}", near: "{text[at : at + 10]}"')
            yield found[1]
            at = found.end()

    def _or(self) -> Callable[[Json], bool]:
        tests = [self._and()]
        while self._take("OR"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def _and(self) -> Callable[[Json], bool]:
        tests = [self._not()]
        while self._take("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def _not(self) -> Callable[[Json], bool]:
        if self._take("NOT"):
            test = self._not()
            return lambda item: not test(item)
        if self._peek() == "(":
            return self._parentheses()
        return self._test()

    def _parentheses(self) -> Callable[[Json], bool]:
        opening = self._at
        self._expect("(")
        test = self._or()
        inner = self._tokens[opening + 1 : self._at]
        self._expect(")")
        if inner[0] == "(" and _closes(inner) == len(inner) - 1:
            raise self._invalid("The expression has redundant parentheses;")
        return test

    def _test(self) -> Callable[[Json], bool]:
        if self._peek().startswith("attribute_") or self._peek() in {"begins_with", "contains"}:
            return self._function()
        left = self._operand()
        operator = self._next()
        self._operators += 1
        if operator == "BETWEEN":
            least = self._operand()
            self._expect("AND")
            most = self._operand()
            return lambda item: _ordered(">=", left(item), least(item)) and _ordered("<=", left(item), most(item))
        if operator == "IN":
            choices = self._arguments()
            return lambda item: any(_equal(left(item), choice(item)) for choice in choices)
        right = self._operand()
        if operator == "=":
            return lambda item: _equal(left(item), right(item))
        if operator == "<>":
            return lambda item: not _equal(left(item), right(item))
        if operator not in _COMPARISONS:
            raise self._syntax(-1)
        return lambda item: _ordered(operator, left(item), right(item))

    def _function(self) -> Callable[[Json], bool]:
        function = self._next()
        given = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ""
        operands = self._arguments()
        if len(operands) != _ARGUMENTS.get(function, 0):
            raise self._invalid(f"Incorrect number of operands for operator or function; function: {function}")
        self._operators += 1
        first, *others = operands
        if function.startswith("attribute_") and not given.startswith("#"):
            raise self._invalid("Operator or function requires a document path; operator or function: " + function)
        if function == "attribute_exists":
            return lambda item: first(item) is not None
        if function == "attribute_not_exists":
            return lambda item: first(item) is None
        if function == "attribute_type":
            return self._type(first, others[0]({}))
        return lambda item: _within(function, first(item), others[0](item))

    def _type(self, operand: Callable[[Json], Json | None], wanted: Json | None) -> Callable[[Json], bool]:
        kind = (wanted or {}).get("S")
        if kind not in TYPES:
            raise self._invalid(f"Invalid attribute type name found; type: {kind}, valid types: {{{','.join(TYPES)}}}")
        return lambda item: kind in (operand(item) or ())

    def _operand(self) -> Callable[[Json], Json | None]:
        token = self._next()
        if token == "size":
            self._operators += 1
            (operand,) = self._arguments()
            return lambda item: _size(operand(item))
        if token.startswith(":"):
            value = self._values(self._member, token)
            return lambda _: value
        if token[0] in "=<>()," or token.upper() in _WORDS:
            raise self._syntax(-1)
        name = self._names(self._member, token)
        return lambda item: item.get(name)

    def _arguments(self) -> list[Callable[[Json], Json | None]]:
        self._expect("(")
        operands = [self._operand()]
        while self._take(","):
            operands.append(self._operand())
        self._expect(")")
        return operands

    def _peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        return token.upper() if token.upper() in _WORDS else token

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._syntax()
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        found = self._peek() == token
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._syntax()

    def _syntax(self, back: int = 0) -> ApiError:
        at = self._at + back
        token = self._tokens[at] if at < len(self._tokens) else "<EOF>"
        return self._invalid(
            f'Syntax error; token: "{token}", near: "{" ".join(self._tokens[max(at - 1, 0) : at + 2])}"'
        )

    def _invalid(self, why: str) -> ApiError:
        return validation(f"Invalid {self._member}: {why}")


def _closes(tokens: Iterable[str]) -> int:
    """Where the first parenthesis is closed."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return at
    return -1


def _equal(left: Json | None, right: Json | None) -> bool:
    if left is None or right is None:
        return False
    return left == right or ("N" in left and "N" in right and Decimal(left["N"]) == Decimal(right["N"]))


def _ordered(operator: str, left: Json | None, right: Json | None) -> bool:
    a, b = _comparable(left), _comparable(right)
    return a is not None and b is not None and a[0] == b[0] and _COMPARISONS[operator](a[1], b[1])


def _comparable(value: Json | None) -> tuple[str, Any] | None:
    kind, content = _parts(value)
    if kind == "S":
        return kind, content.encode()
    if kind == "N":
        return kind, Decimal(content)
    return (kind, base64.b64decode(content)) if kind == "B" else None


def _parts(value: Json | None) -> tuple[str, Any]:
    """A value's type and content; ("", None) for none."""
    return next(iter(value.items())) if value else ("", None)


def _size(value: Json | None) -> Json | None:
    kind, content = _parts(value)
    if kind == "B":
        return {"N": str(len(base64.b64decode(content)))}
    return {"N": str(len(content))} if kind in {"S", "SS", "NS", "BS", "L", "M"} else None


def _within(function: str, whole: Json | None, part: Json | None) -> bool:
    if whole is None or part is None:
        return False
    (kind, content), (of, sought) = next(iter(whole.items())), next(iter(part.items()))
    if kind == "B" and of == "B":
        content, sought = base64.b64decode(content), base64.b64decode(sought)
    if function == "begins_with":
        return kind == of and kind in {"S", "B"} and content.startswith(sought)
    if kind == "L":
        return part in content
    return (kind == of and kind in {"S", "B"} and sought in content) or (kind == f"{of}S" and sought in content)
