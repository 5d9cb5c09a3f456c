"""Rules that experts write, in CEL behind one adapter with three answers.

The engine returns its errors as values that are truthy, so a plain `if` would raise a red warning
on missing data. Here a hit is a genuine `True` and nothing else; what cannot be known says so, and
the answers themselves refuse to be used as a truth value.

Differences from plain CEL, all found when a rule is written: numbers are not divided with `/`,
which gives infinity for a zero, but with `ratio(a, b)`, also of integers; text is not turned into
a number; a number that is too large to hold is refused. Nothing reads a clock.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

from cel_expr_python import cel

from contracts.errors import Invalid
from kit.kinds import Kind, Unusable, usable

_TYPES: Final[Mapping[Kind, Any]] = {
    "number": cel.Type.DOUBLE,
    "integer": cel.Type.INT,
    "text": cel.Type.STRING,
    "flag": cel.Type.BOOL,
    "numbers": cel.Type.List(cel.Type.DOUBLE),
    "texts": cel.Type.List(cel.Type.STRING),
}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_LITERAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+|[0-9]{300,}\.[0-9]+")
_WHERE: Final = re.compile(r"<input>:(-?\d+):(-?\d+): ([^\n]*)")
_STANDARD: Final = cel.NewEnvConfigFromYaml("""
stdlib:
  exclude_functions:
    - {name: "_/_", overloads: [{id: divide_double}]}
    - {name: double, overloads: [{id: string_to_double}]}
""")


class BadExpression(Invalid):
    """The rule cannot be understood: facts `field`, `got`, `expected` with line:column."""

    code = "expression-invalid"


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that a rule may ask about: its name in the rule and what it holds."""

    name: str
    type: Kind


class _Answer:
    """One of three; compare or match it."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        """Refuse: with three answers there is no plain yes or no."""
        raise TypeError(self)


@dataclass(frozen=True, slots=True)
class Hit(_Answer):
    """The rule holds."""


@dataclass(frozen=True, slots=True)
class NoHit(_Answer):
    """The rule does not hold."""


@dataclass(frozen=True, slots=True)
class Undetermined(_Answer):
    """It cannot be known, and why.

    `reason`: `value-missing`, `value-type`, `value-not-finite`, `value-range` of the first of the
    variables in `missing`, which have no usable value; `division-by-zero`, `result-range`,
    `result-type`, `evaluation-failed` where every value was there.
    """

    reason: str
    missing: tuple[str, ...] = ()


Answer: TypeAlias = Hit | NoHit | Undetermined


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule that was understood; `needs` are the variables that it names."""

    source: str
    needs: tuple[Variable, ...]
    engine: Any

    def decide(self, values: Mapping[str, object | None]) -> Answer:
        """Say whether the rule holds.

        A variable without a usable value leaves the answer open only where the answer depends on
        it: `a || b` is a hit when a is true.
        """
        result = self._evaluate(values)
        if isinstance(result, Undetermined):
            return result
        if result is True:
            return Hit()
        return NoHit() if result is False else Undetermined("result-type")

    def number(self, values: Mapping[str, object | None]) -> float | Undetermined:
        """Compute a number, always finite."""
        result = self._evaluate(values)
        if isinstance(result, Undetermined):
            return result
        if isinstance(result, bool) or not isinstance(result, int | float):
            return Undetermined("result-type")
        return float(result) if math.isfinite(result) else Undetermined("result-range")

    def _evaluate(self, values: Mapping[str, object | None]) -> object:
        given: dict[str, object] = {}
        unusable: dict[str, str] = {}
        for variable in self.needs:
            value = values.get(variable.name)
            if type(value) is float and variable.type == "number" and math.isfinite(value):
                given[variable.name] = value
                continue
            try:
                given[variable.name] = usable(variable.type, value)
            except Unusable as no:
                unusable[variable.name] = no.reason
        try:
            answer = self.engine.eval(data=given)
            result: object = answer.value()
        except RuntimeError as error:
            result = str(error)
        else:
            if answer.type() != cel.Type.ERROR:
                return result
        first = next(iter(unusable.values()), _reason(str(result)))
        return Undetermined(first, tuple(unusable))


def compile(  # noqa: A001 the word for it; used as expressions.compile
    source: str, variables: Sequence[Variable], *, gives: Kind | None = None
) -> Expression:
    """Understand a rule, or say at which line and column it fails; `gives` is what it must yield.

    Refuses: BadExpression.
    """
    declared = _declare(variables)
    engine = _compiled(source, declared)
    if gives is not None and engine.return_type() != _TYPES[gives]:
        raise BadExpression(field="expression", got=engine.return_type().name(), expected=gives)
    needs = tuple(v for v in variables if _named(v, source, declared))
    return Expression(source, needs, engine)


def _declare(variables: Sequence[Variable]) -> dict[str, Any]:
    declared: dict[str, Any] = {}
    for variable in variables:
        if not _NAME.fullmatch(variable.name) or variable.name in declared:
            raise BadExpression(field="variable", got=variable.name, expected=_NAME.pattern)
        declared[variable.name] = _TYPES[variable.type]
    return declared


def _compiled(source: str, declared: Mapping[str, Any]) -> Any:  # noqa: ANN401 the engine has no types
    for literal in _LITERAL.findall(source):
        if math.isinf(float(literal)):
            raise BadExpression(field="expression", got=literal, expected="finite")
    try:
        engine = cel.NewEnv(
            config=_STANDARD,
            variables=dict(declared),
            functions=[_RATIO],
        )
        return engine.compile(source)
    except (RuntimeError, TypeError) as error:
        raise BadExpression(
            field="expression", got=_printable(source), expected=_printable(_where(error))
        ) from error


def _named(variable: Variable, source: str, declared: Mapping[str, Any]) -> bool:
    """Say whether a rule depends on a variable: without it, the rule is no longer understood."""
    if variable.name not in source:
        return False
    try:
        _compiled(
            source, {name: type_ for name, type_ in declared.items() if name != variable.name}
        )
    except BadExpression:
        return True
    return False


def _where(error: Exception) -> str:
    found = _WHERE.search(str(error))
    return f"{found[1]}:{found[2]} {found[3]}" if found else str(error).splitlines()[0]


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _reason(message: str) -> str:
    if "by zero" in message:
        return "division-by-zero"
    return "result-range" if "OUT_OF_RANGE" in message else "evaluation-failed"


def _ratio(part: float, whole: float) -> float:
    """Divide; the engine turns what is raised here into an error value, which is undetermined."""
    result = part / whole
    if math.isinf(result):
        raise OverflowError("OUT_OF_RANGE")
    return result


_RATIO: Final = cel.FunctionDecl(
    "ratio",
    [
        cel.Overload(
            id=f"ratio_{part.name()}_{whole.name()}",
            return_type=cel.Type.DOUBLE,
            parameters=[part, whole],
            is_member=False,
            impl=_ratio,
        )
        for part in (cel.Type.DOUBLE, cel.Type.INT)
        for whole in (cel.Type.DOUBLE, cel.Type.INT)
    ],
)
