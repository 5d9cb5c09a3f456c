"""Writing the page: figures in, one HTML file out, with the charts' code inside."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_FOLDER = files("heli.demo.page")


def write(page: Mapping[str, Any], path: Path) -> None:
    """Write the page of some figures to a file."""
    path.write_text(render(page), "utf-8")


def render(page: Mapping[str, Any]) -> str:
    """Give the page as text; what it says is escaped, nothing is fetched from anywhere."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(_read("page.html"))
    # Inside a script only "<" could end it early.
    data = json.dumps(page, ensure_ascii=False, default=str).replace("<", "\\u003c")
    scripts = {
        "echarts": Markup(_read("echarts.common.min.js")),  # noqa: S704 - our own file
        "charts": Markup(_read("charts.js")),  # noqa: S704 - our own file
        "data": Markup(data),  # noqa: S704 - escaped above
    }
    return template.render(page=page, **scripts)


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")
