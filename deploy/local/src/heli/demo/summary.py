"""The page on the console: the same figures as the HTML page, one line each."""

from pathlib import Path
from typing import Any, Final

from heli.demo.story import Story
from heli.demo.words import LEVELS

Json = dict[str, Any]
_OWN: Final = 4  # the demo's own checks, which come last


def show(story: Story, page: Json, path: Path) -> None:
    """Print the page, and where the one with charts is."""
    story.chapter("一页数字", "one page of figures")
    for line in (*_warnings(page), *_score(page["score"]), *_rest(page)):
        story.line(f"  {line}")
    story.line("")
    held = [check for check in page["checks"] if check["ok"]]
    story.line(f"  [green]✓[/green] 核对 checks that hold: {len(held)} / {len(page['checks'])}")
    for check in page["checks"]:
        if not check["ok"] or check in page["checks"][-_OWN:]:
            mark = "[green]✓[/green]" if check["ok"] else "[red]✗[/red]"
            story.line(f"  {mark} {check['name']}  [dim]{(check['detail'] or '')[:300]}[/dim]")
    story.line(f"\n  图表 with charts: {path.absolute()}")


def _warnings(page: Json) -> list[str]:
    levels = page["warnings"]["levels"]
    counts = "，".join(f"{zh} {level} {levels.get(level, 0)}" for level, zh in LEVELS.items())
    names = {"provisional": "待核实", "duplicate": "重复", "revised": "更正", "skipped": "合计行"}
    parts = "，".join(f"{zh} {name} {page['signals'][name]:,}" for name, zh in names.items())
    return [
        f"监测数据 signals: {page['signals']['accepted']:,}（{parts}）",
        f"预警 warnings: {counts}",
    ]


def _score(score: Json) -> list[str]:
    lines = [
        f"查准率 precision: {score['right']} / {score['raised']} = {score['precision']:.3f}",
        f"查全率 recall: {score['found']} / {score['knowable']} = {score['recall']:.3f}",
    ]
    lines += [
        f"  {kind['zh']} {kind['en']}: {kind['found']} / {kind['planted'] - kind['silent']}"
        + (f"，无从知道 not knowable {kind['silent']}" if kind["silent"] else "")
        for kind in score["kinds"]
    ]
    lines += [
        f"  漏 missed {one['code']} {one['zh']}：{one['why_zh']}  {one['why_en']}"
        for one in score["misses"]
    ]
    lines += [
        f"  多 beside the truth {one['code']} {one['zh']}，{one['level_zh']}：{one['why']}"
        for one in score["others"]
    ]
    return lines


def _rest(page: Json) -> list[str]:
    visits, late, unknown = (page[name] for name in ("visits", "lateness", "unknown"))
    times = f"中位 median {late['median_s']} s，九成 90 % {late['p90_s']} s"
    types = f"{page['events']['total']:,}，{len(page['events']['types'])} 种 types"
    made = f"{visits['visits']} / {visits['separate']}"
    return [
        f"上门与单独检查 visits instead of separate inspections: {made}",
        f"超过频次上限 past the yearly cap: {_over(page['caps'])}",
        f"数据到预警 signal to warning: {times}，最长 longest {late['max_s']} s",
        f"无从知道 undetermined: {unknown['total']:,}",
        *(_silent(row) for row in unknown["rows"][:6]),
        f"事件 events: {types}；日志 log {page['log']}",
        f"上报 reports: {page['reports']}",
        f"用时 seconds in all: {page['seconds']}",
    ]


def _over(caps: Json) -> str:
    some = "，".join(
        f"{one['name'] or one['entity']} {one['department_name']} {one['visits']} > {one['cap']}"
        for one in caps["rows"][:3]
    )
    return f"{caps['total']}" + (f"，如 e.g. {some}" if some else "")


def _silent(row: Json) -> str:
    return f"  {row['zh']} {row['en']}（{row['because_zh']}）{row['count']:,}"
