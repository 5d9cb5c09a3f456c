"""What people told the hotline 12345: in their own words, often vague, some of it told twice.

No ticket says who called, and none holds a telephone number or a person's name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province import dialects
from heli.demo.province.dialects import Cells
from heli.demo.province.planted import Kind, Plan
from heli.demo.province.world import COUNTIES, ITEM, MARK, PREFECTURES, ZONE, Station, World

HEADING: Final = (
    "工单编号", "来源", "受理时间", "诉求类型", "事项",
    "行政区划", "被反映单位", "地点", "承办时限", "诉求内容",
)  # fmt: skip
_CHINA: Final = timezone(timedelta(hours=8))
_SHARE: Final = 0.1
_TOLD_AGAIN: Final = 0.015
_OF_PLANTED: Final = 0.15
_DAYS: Final = 60
_TERM: Final = timedelta(days=7)  # the hotline's own, which it keeps itself
_KNOWN: Final = 0.2  # of the callers know what the station is called in full

# What it is about → how different people put it. {place} and {name} are put in.
_MATTERS: Final = {
    "short": (
        "我在{name}加了200块钱的油，表上显示的升数跟我油箱对不上，少了得有两三升，你们去查查他家的加油机",
        "{place}的{name}缺斤短两，我车油箱一共50升，他给我加出来56升，这不是糊弄人吗",
        "同样加满一箱，在{name}加的跑不了平时那么远，怀疑他家机器动了手脚",
        "反映{place}那家加油站（{name}）油量不足，之前也有老乡说过，希望有人去校一下机器",
        "{place}那边那家站，加油表跳得飞快，加满比平时多花三四十，我不信车突然变能喝了",
        "{name}的油枪有问题，跳枪以后数字还在走，钱照收，油没进去",
    ),
    "invoice": (
        "在{name}加油要发票，说机器坏了开不了，来了三回都这样，是不是不想交税啊",
        "{name}一直不给开票，问就说月底统一补，我们单位报销不了",
        "{place}的{name}现金便宜两毛但是不能要发票，感觉他卖的油来路不正",
        "加油站不开发票，就{place}路口，{name}，加了四百多块",
        "跑运输的，经常在{name}加柴油，老板说要票就得加价，这合规吗",
    ),
    "truck": (
        "半夜老有没牌子的油罐车往{name}卸油，都是后半夜一两点，不知道什么来路",
        "住在{place}，晚上经常看见小油罐车进{name}后院，灯都不开，怕是黑油",
        "举报{name}进的油不正规，白天从来不见大油罐车，都是夜里来",
        "{name}后头停着个改装的面包车，装着油桶给人加油，就在{place}，太危险了",
        "天天半夜卸油吵得睡不着，{place}那个加油站，车上啥标志都没有，正规吗",
        "有人用皮卡拉着铁罐子到{name}倒油，味道很大，希望查一下",
    ),
    "quality": (
        "在{name}加了油以后车子发抖冒黑烟，修车的说油里有水",
        "{name}的92号油颜色发红，味道刺鼻，跟别家不一样，加完车就报故障灯",
        "上礼拜在{place}{name}加的柴油，没跑多远滤芯就堵了，怀疑油不合格",
        "车才保养完，在{place}那个站加了一次油就抖，4S店说是油的事",
        "{name}卖的油不对劲，加完动力差好多，问他们要检测报告也拿不出来",
    ),
    "licence": (
        "{name}墙上挂的证都过期了还在营业，没人管吗",
        "听说{name}的手续早就到期了，照样天天加油，请核实",
        "{place}的{name}换了老板，营业的证件看着不像是现在这家的",
        "想问下{name}到底有没有成品油的证，里面挂的那张日期是老早的了",
    ),
    "gauge": (
        "{name}的监控屏黑了好几天了，但是车照样排队加油，是不是故意关的",
        "我以前在加油站干过，{name}那个液位仪的线拔了，生意照做，你们来看看",
        "{name}说系统升级不能刷卡，只收现金，都一个多礼拜了",
        "路过{place}，{name}油罐那边的仪器盖子开着没通电，油还在卖",
    ),
    "sticker": (
        "{name}加油机上那个检定的标都过了好久了，字都看不清",
        "看了下{name}机器上贴的合格标，有效期是前年的，这还准吗",
        "{place}{name}的加油机没有合格标，问工作人员说掉了",
    ),
    "unsafe": (
        "{name}有人在加油岛边上抽烟打电话，工作人员也不管，就在{place}",
        "{name}油味特别大，窗户都不敢开，住在{place}的都受不了，是不是漏油了",
        "{name}给人拿塑料桶打汽油，好几次了，出了事怎么办",
        "{name}的灭火器都是空的，卸油的时候车还照样进进出出",
    ),
}
_OF_KIND: Final = {
    Kind.DECLARED_20: ("short", "invoice"),
    Kind.DECLARED_10: ("invoice", "short"),
    Kind.SOLD_OVER: ("truck", "invoice"),
    Kind.GAUGE_OFF: ("gauge",),
    Kind.LICENCE: ("licence",),
    Kind.VERIFICATION: ("sticker", "short"),
}
_OPENINGS: Final = (
    "",
    "",
    "",
    "你好，",
    "您好，我反映个事，",
    "那个，",
    "市民来电：",
    "我想举报一下，",
)
_AGAIN: Final = (
    "我又来反映，",
    "前几天好像有人说过，",
    "我邻居也碰到了，",
    "还是那家，",
    "听群里都在说，",
)
_ENDINGS: Final = (
    "。",
    "。",
    "，麻烦查一下。",
    "，希望尽快处理。",
    "，谢谢。",
    "，具体哪天记不清了。",
    "！",
)
_PLACES: Final = (
    "{road}上", "{road}跟老国道交叉口", "{county}{road}",
    "{county}那边", "{road}菜场对面", "高架下来右手边",
)  # fmt: skip
_NAMES: Final = (
    "{brand}加油站",
    "{brand}加油站",
    "{brand}站",
    "那个叫{brand}的加油站",
    "{brand}油站",
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket as the hotline wrote it down."""

    id: str
    station: Station
    matter: str
    received_at: datetime
    name: str
    place: str
    kind: str
    text: str

    @property
    def cells(self) -> Cells:
        """Give it as a row under HEADING."""
        at, due = (
            f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (self.received_at, self.received_at + _TERM)
        )
        where = (self.station.region, self.name, self.place)
        return self.id, "12345", at, self.kind, ITEM, *where, due, self.text


@dataclass(frozen=True, slots=True)
class _Call:
    """Who calls about what, when, in which of the wordings; `again`: another had told it."""

    station: Station
    matter: str
    wording: int
    at: datetime
    again: bool


def told(world: World, plan: Plan) -> tuple[tuple[Ticket, ...], tuple[str, ...]]:
    """Give the tickets in the order of their calls, and which tell what another had told."""
    dice = Random(world.seed * 32_452_843 + 7)  # noqa: S311 - reproducible on purpose
    calls = sorted(_calls(world, plan, dice), key=lambda call: call.at)
    tickets = tuple(_ticket(number, call, dice) for number, call in enumerate(calls, 1))
    again = (one.id for one, call in zip(tickets, calls, strict=True) if call.again)
    return tickets, tuple(again)


def _calls(world: World, plan: Plan, dice: Random) -> Iterator[_Call]:
    count = max(2, round(len(world.stations) * _SHARE))
    repeats = max(1, round(len(world.stations) * _TOLD_AGAIN))
    stations = dice.sample(world.stations, count - repeats)
    by_number = {one.number: one for one in world.stations}
    guilty = [by_number[number] for number in plan.problems]
    some = dice.sample(guilty, min(len(guilty), round(len(stations) * _OF_PLANTED)))
    calls: list[_Call] = []
    for station in dict.fromkeys((*some, *stations)):
        if len(calls) == count - repeats:
            break
        problem = plan.problems.get(station.number)
        matters = _OF_KIND[problem.kind] if problem and station in some else tuple(_MATTERS)
        matter = dice.choice(matters)
        wording = dice.randrange(len(_MATTERS[matter]))
        calls.append(_Call(station, matter, wording, _when(world, dice), again=False))
    yield from calls
    for first in dice.sample(calls, repeats):
        other = first.wording + dice.randrange(1, len(_MATTERS[first.matter]))
        later = first.at + timedelta(hours=dice.randint(3, 100))
        last = datetime.combine(world.today, time(0), _CHINA)
        yield _Call(first.station, first.matter, other, min(later, last), again=True)


def _when(world: World, dice: Random) -> datetime:
    """Give a moment of the last two months, before today, at a time when people call."""
    day = world.today - timedelta(days=dice.randint(1, _DAYS))
    at = time(dice.choice((8, 9, 10, 10, 11, 14, 15, 16, 18, 20, 22)), dice.randrange(60))
    return datetime.combine(day, at, _CHINA)


def _ticket(number: int, call: _Call, dice: Random) -> Ticket:
    station = call.station
    county = "开发区" if station.region == ZONE else COUNTIES[station.region]
    city = PREFECTURES[station.prefecture]
    full = station.address.removesuffix(MARK)
    road = full.split(city + county)[-1].rstrip("0123456789号")
    place = dice.choice(_PLACES).format(road=road, county=county)
    name = dice.choice(_NAMES).format(brand=station.brand)
    wordings = _MATTERS[call.matter]
    words = wordings[call.wording % len(wordings)].format(place=place, name=name)
    opening = dice.choice(_AGAIN) if call.again else dice.choice(_OPENINGS)
    return Ticket(
        id=f"GD{call.at:%Y%m%d}{number:04d}",
        station=station,
        matter=call.matter,
        received_at=call.at,
        name=dialects.short_name(station)
        if dice.random() < _KNOWN
        else f"{station.brand}加油站{MARK}",
        place=f"{county}{road}附近{MARK}",
        kind="投诉举报" if call.matter in {"short", "quality"} else "举报",
        text=f"{opening}{words}{dice.choice(_ENDINGS)}{MARK}",
    )
