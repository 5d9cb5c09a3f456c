"""Writes what is generated: the pages under `docs/generated`, and what the gateway shows of them.

`make docs` runs it; CI runs it too and fails on a difference. Each service describes itself
(`python -m <package>.app describe`), so that nothing here imports one.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contracts.roles import OPERATIONS, PUBLIC
from contracts.services import SERVICES
from heli import cluster, licences, refusals
from heli.facts import facts
from kit.openapi import merge

ROOT = Path.cwd()
OUT = ROOT / "docs" / "generated"
SHOWN = ROOT / "gateway" / "src" / "gateway" / "console"  # what the gateway's pages show
_KINDS = {"R": "R 复制状态", "F": "F 事实"}


def describe(package: str) -> dict[str, Any]:
    """Ask a service what it offers and hears."""
    command = [sys.executable, "-m", f"{package}.app", "describe"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def circle_of(described: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Find who hears which event, by type, in the order of the contracts."""
    hears = {one["service"]: set(one["hears"]) for one in described}
    return {
        fact.type: sorted(name for name, types in hears.items() if fact.type in types)
        for fact in facts()
    }


def events_page(described: Iterable[Mapping[str, Any]]) -> str:
    """Write the table of events: who says it, who hears it, what it carries."""
    circle = circle_of(described)
    lines = [
        "# Events",
        "",
        "Generated from `contracts` and the SUBSCRIPTIONS of the services. R carries the whole",
        "replicated state of an aggregate, F is a fact. Streams keep 30 days; at most 256 KiB.",
        "",
        "| event | kind | heard by | data |",
        "|---|---|---|---|",
    ]
    for fact in facts():
        readers = ", ".join(circle[fact.type])
        fields = ", ".join(info.alias or name for name, info in fact.model_fields.items())
        lines.append(f"| `{fact.type}` | {_KINDS[fact.kind]} | {readers or '–'} | {fields} |")
    return "\n".join([*lines, "", *_shapes()]) + "\n"


def _shapes() -> list[str]:
    lines = ["## What each carries", ""]
    for fact in facts():
        says = (fact.__doc__ or "").strip().splitlines()[0]
        lines += [f"### `{fact.type}`", "", says, ""]
        for name, info in fact.model_fields.items():
            kind = _kind(info.annotation)
            note = f": {info.description}" if info.description else ""
            lines.append(f"- `{info.alias or name}` {kind}{note}")
        lines.append("")
    return lines


def _kind(annotation: object) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return text
    return re.sub(r"\b(?:contracts\.\w+\.|datetime\.|typing\.)", "", text).replace("|", "or")


def roles_page() -> str:
    """Write who may call what."""
    lines = ["# Who may call what", "", "Generated from `contracts/roles.py`.", ""]
    for service in SERVICES:
        lines += [f"## {service.name}", "", "| operation | roles |", "|---|---|"]
        for operation, roles in OPERATIONS[service.name].items():
            who = "public, no token" if roles == PUBLIC else ", ".join(sorted(roles))
            lines.append(f"| `{operation}` | {who} |")
        lines.append("")
    return "\n".join(lines)


def columns_page(described: Iterable[Mapping[str, Any]]) -> str:
    """Write which columns each import takes, and what they may be called."""
    lines = [
        "# Columns of imports",
        "",
        "Generated from the rows' models. A column is found by its field's name or by one of the",
        "others, in any order; blanks, stars and units in brackets do not matter. Needed ones are",
        "bold. Dates may be written 2024-03-05, 2024.3.5, 2024/3/5, 20240305, 2024年3月5日",
        "or, in a workbook, as Excel's number.",
        "",
    ]
    for service in described:
        for collection, columns in service["imports"].items():
            lines += [f"## {collection}", "", "| field | may also be called |", "|---|---|"]
            for one in columns:
                field = f"`{one['field']}`"
                name = f"**{field}**" if one["needed"] else field
                lines.append(f"| {name} | {'、'.join(one['names']) or '–'} |")
            lines.append("")
    return "\n".join(lines)


def requirements() -> dict[str, str]:
    """Read `docs/requirements.md`: id → the version from which it is demanded, or a dash."""
    text = (ROOT / "docs" / "requirements.md").read_text("utf-8")
    return dict(re.findall(r"^\| (R[\dX.]+) \|.*\| (\S+) \|$", text, re.MULTILINE))


def covered() -> dict[str, list[str]]:
    """Find which tests say that they prove a requirement."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for requirement in _marks(node):
                    place = f"{path.relative_to(ROOT)}::{node.name}"
                    found.setdefault(requirement, []).append(place)
    return found


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[str]:
    calls = (mark for mark in node.decorator_list if isinstance(mark, ast.Call))
    return [
        str(argument.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "covers"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    ]


def requirements_page() -> str:
    """Write which tests prove which requirement."""
    proofs = covered()
    lines = [
        "# Requirements and their tests",
        "",
        "Generated from `docs/requirements.md` and the tests' `@covers`.",
        "",
        "| id | demanded from | tests |",
        "|---|---|---|",
    ]
    for requirement, since in requirements().items():
        tests = "<br>".join(f"`{test}`" for test in proofs.get(requirement, []))
        lines.append(f"| {requirement} | {since} | {tests or '–'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write everything anew."""
    OUT.mkdir(parents=True, exist_ok=True)
    described = [describe(service.package) for service in SERVICES]
    document = merge({one["service"]: one["openapi"] for one in described})
    catalogue = refusals.catalogue({one["service"]: one["refusals"] for one in described})
    pages = {
        "columns.md": columns_page(described),
        "errors.md": refusals.page(catalogue),
        "events.md": events_page(described),
        "roles.md": roles_page(),
        "requirements.md": requirements_page(),
        "openapi.json": json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n",
    }
    for name, text in pages.items():
        (OUT / name).write_text(text, "utf-8")
    shown = {"circle.json": circle_of(described), "problems.json": catalogue}
    for name, data in shown.items():
        (SHOWN / name).write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
    licences.write()
    cluster.write_nats_conf()
    lacking = [r for r, since in requirements().items() if since != "–" and r not in covered()]
    if lacking:
        sys.exit("demanded, but no test covers: " + ", ".join(lacking))


if __name__ == "__main__":
    main()
