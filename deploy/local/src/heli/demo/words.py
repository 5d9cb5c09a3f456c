"""Names of the demo's kinds and levels, Chinese and English."""

from typing import Final

Both = tuple[str, str]

PLANTED: Final[dict[str, Both]] = {
    "declared_20_for_2": (
        "申报比计量少两成以上，两个月",
        "declared > 20 % under metered, 2 months",
    ),
    "declared_10_for_3": (
        "申报比计量少一成以上，连续三个月",
        "declared > 10 % under metered, 3 months running",
    ),
    "sold_over_invoiced": ("销量超过进项的 1.05 倍", "sold over 1.05 times invoiced"),
    "gauge_off": ("液位仪离线超过 72 小时仍销售", "gauge off > 72 h with sales"),
    "licence_expired": ("许可过期仍销售", "licence expired with sales"),
    "verification_overdue": ("加油机检定逾期", "pump verification overdue"),
}
WARNED: Final[dict[str, Both]] = {
    "declared_under_metered": ("申报低于计量", "declared under metered"),
    "sold_over_invoiced": ("销量超过进项", "sold over invoiced"),
    "gauge_off_with_sales": ("液位仪离线仍销售", "gauge off with sales"),
    "licence_expired_with_sales": ("许可过期仍销售", "licence expired with sales"),
    "verification_overdue": ("检定逾期", "verification overdue"),
}
LEVELS: Final[dict[str, str]] = {"red": "红", "orange": "橙", "yellow": "黄", "blue": "蓝"}
VISITS: Final[dict[str, Both]] = {
    "drawn": ("随机抽取", "drawn"),
    "clue": ("线索核查", "for a clue"),
    "daily": ("日常检查", "daily"),
    "merged": ("抽取遇上线索", "drawn and a clue"),
}
STREAMS: Final[dict[str, str]] = {
    "metered": "计量销量",
    "invoiced": "发票购油",
    "declared": "申报销量",
    "gauge": "液位仪",
    "licence": "零售许可",
    "verification": "加油机检定",
}
REASONS: Final[dict[str, Both]] = {
    "history-too-short": ("头三个月，历史不足", "first three months: history too short"),
}
