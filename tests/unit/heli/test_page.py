"""The demo's page: one file that needs nothing from a network and believes nothing it is told."""

import re
from typing import Any

from heli.demo.page.render import render

NAME = "示例</script><script>alert(1)</script>加油站（示例）"
PAGE: dict[str, Any] = {
    "ok": False,
    "seed": 7,
    "today": "2026-02-17",
    "stations": 60,
    "seconds": 41.2,
    "signals": {"accepted": 5123},
    "score": {
        "precision": 0.9375,
        "recall": 0.9,
        "right": 15,
        "raised": 16,
        "found": 9,
        "knowable": 10,
        "kinds": [
            {
                "zh": "检定逾期",
                "en": "overdue",
                "planted": 12,
                "silent": 2,
                "found": 9,
                "missed": [1],
            }
        ],
        "misses": [
            {
                "code": "91A",
                "zh": "检定逾期",
                "en": "overdue",
                "why_zh": "不可判定",
                "why_en": "unknown",
            }
        ],
        "others": [
            {
                "code": "91B",
                "zh": "液位仪",
                "en": "gauge",
                "level": "yellow",
                "level_zh": "黄",
                "why": "74 > 72",
            }
        ],
    },
    "warnings": {"kinds": []},
    "station": {"name": NAME, "code": "91C", "months": [], "steps": []},
    "visits": {"visits": 3, "separate": 8, "kinds": []},
    "caps": {
        "total": 1,
        "rows": [
            {
                "name": NAME,
                "entity": "e",
                "department": "d",
                "department_name": None,
                "visits": 5,
                "cap": 4,
            }
        ],
    },
    "lateness": {"median_s": 1.5, "p90_s": 2.5, "max_s": 3.5, "bins": []},
    "unknown": {"total": 1257, "rows": []},
    "events": {"total": 211, "types": []},
    "draws": [
        {
            "file": "draw.json",
            "targets": 9,
            "inspectors": 4,
            "visits": 2,
            "plan": "aa",
            "result": "bb",
        }
    ],
    "checks": [{"ok": False, "name": "recall", "detail": "9 / 12"}],
}


def test_the_page_fetches_nothing() -> None:
    page = render(PAGE)
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?!#)""", page.split("<script>")[0]) == []
    assert "echarts" in page


def test_what_it_is_told_never_becomes_markup_or_code() -> None:
    page = render(PAGE)
    assert "alert(1)</script>" not in page
    assert "示例&lt;/script&gt;" in page


def test_a_miss_a_false_alarm_and_a_check_that_fails_are_all_shown() -> None:
    page = render(PAGE)
    for words in ("93.8 %", "15 / 16", "不可判定", "74 &gt; 72", "9 / 12", "details open", "1,257"):
        assert words in page
