"""Check a draw 抽取 offline: `python draw_verifier.py FILE` (version heli-draw-1, joint mode).

One file of plain Python: no package, no server, no network. It reads the draw's file (JSON, or a
folder with one JSON file and the lists beside it, each named by its digest), computes everything
again, and names the first part that is wrong. What it does not know it refuses by name.

Written from the description of heli-draw-1 alone, not from the code that draws.
Exit: 0 everything holds; 1 a part is wrong; 2 not known, not finished or not readable.
"""

import argparse
import json
import re
import sys
from collections import Counter
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from typing import Any

VERSION = "heli-draw-1"
WHOLE = 2**256
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
HANDLE = r"([0-9a-f]{64})"
WORD = r"([0-9A-Za-z_-]{1,64})"
COUNT = r"(0|[1-9][0-9]{0,8})"
HEX16 = re.compile(r"[0-9a-f]{32}")
HEX32 = re.compile(r"[0-9a-f]{64}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
WEIGHT_MOST = 1_000_000
SEATS_MOST = 100  # more is a typing error, which would cost hours and memory

Json = Any  # whatever stands in a file: every use below looks first at what it got
Row = tuple[str, ...]

FILE = {"plan", "lists", "commitments", "reveals", "beacon", "result"}
PLAN = {"version", "hash", "mode", "series", "draw", "previous", "directory", "pool", "pool_key"}
PLAN |= {"departments", "recused", "parties", "stand_ins", "reveal_by", "beacon"}
DEPARTMENT = {"department", "seats", "qualification", "left_out", "inspectors", "joins"}
DEPARTMENT |= {"allocations"}
ALLOCATION = {"stratum", "n", "reserve", "list"}


class Wrong(Exception):
    """A part of the draw does not hold."""

    exit = 1

    def __init__(self, part: str, zh: str, en: str) -> None:
        super().__init__(part)
        self.part, self.zh, self.en = part, zh, en


class NotChecked(Wrong):
    """Not known to this verifier, not finished, or not readable: nothing can be said."""

    exit = 2


# --- the whole ------------------------------------------------------------------------------------


def verify(file: dict[str, Json], *, published: str | None = None) -> dict[str, Json]:
    """Compute the draw again; gives what was found, or raises Wrong at the first wrong part."""
    outline(file)
    plan, lists = file["plan"], file["lists"]
    check_known(plan)
    check_plan(plan)
    plan_digest = digest(canonical(plan))
    if published and published != plan_digest:
        raise Wrong(
            "plan",
            f"方案摘要为 {plan_digest}，与公布的 {published} 不符",
            f"its digest is {plan_digest}, not the published {published}",
        )
    for name, text in lists.items():
        if digest(text) != name:
            raise Wrong(f"list {name}", "名单内容与摘要不符", "the text has another digest")
    opened = [party for party in parties_of(file["commitments"]) if opens(file, party, plan_digest)]
    if shown(file) and not opened and not follows(file, plan_digest):
        raise Wrong(
            "plan",
            "各方承诺均不是对此方案作出的：方案已被改动",
            "no commitment was made to this plan: the plan was altered",
        )
    rows = check_lists(plan, lists)
    check_commitments(file, plan)
    check_reveals(file, plan, plan_digest, opened)
    seed = seed_of(plan_digest, file["reveals"])
    check_result(file["result"], draw_again(plan, rows, seed))
    return {
        "series": plan["series"],
        "draw": plan["draw"],
        "plan_digest": plan_digest,
        "seed": seed.hex(),
        "result_digest": digest(canonical(file["result"])),
        "parties": plan["parties"],
        "counts": counts(plan, rows, file["result"]),
    }


def digest(content: bytes | str) -> str:
    """H, as 64 lower-case hexadecimal characters; texts in UTF-8."""
    return sha256(
        content.encode(errors="surrogatepass") if isinstance(content, str) else content
    ).hexdigest()


def canonical(value: Json) -> bytes:
    """JSON after RFC 8785: keys are ASCII and numbers integers, so sorted and compact is enough."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="surrogatepass")


# --- the outline of the file and the plan ---------------------------------------------------------


def outline(file: Json) -> None:
    """Look whether the file has its six parts, each of its kind."""
    if not isinstance(file, dict) or not isinstance(file.get("plan"), dict):
        raise NotChecked("file", "文件中没有抽取方案", "there is no plan of a draw in this file")
    exact(file, FILE, "file")
    for name in ("commitments", "reveals"):
        keys = {"party", "digest", "at"} if name == "commitments" else {"party", "salt", "secret"}
        part = name[:-1]
        if not isinstance(file[name], list):
            raise Wrong(part, "应为列表", "must be a list")
        for each in file[name]:
            exact(each, keys, part)
            if not all(isinstance(value, str) for value in each.values()):
                raise Wrong(f"{part} {each['party']}", "各项应为文本", "its parts must be texts")
    lists = file["lists"]
    if not isinstance(lists, dict) or not all(isinstance(each, str) for each in lists.values()):
        raise Wrong("list", "名单应为“摘要: 文本”", "lists must be texts by digest")


def exact(value: Json, keys: set[str], part: str) -> None:
    """Let an object pass with exactly these keys; one not known is refused by its name."""
    if not isinstance(value, dict):
        raise Wrong(part, "应为对象", "must be an object")
    for key in sorted(set(value) - keys):
        raise NotChecked(
            part, f"不认识的项“{key}”", f"has “{key}”, which this verifier does not know"
        )
    for key in sorted(keys - set(value)):
        raise Wrong(part, f"缺少“{key}”", f"lacks “{key}”")


def check_known(plan: dict[str, Json]) -> None:
    """Refuse by name what this verifier cannot check."""
    known: dict[str, Json] = {
        "version": VERSION,
        "hash": "sha-256",
        "mode": "joint",
        "stand_ins": [],
        "beacon": None,
    }
    for name, value in known.items():
        if name in plan and plan[name] != value:
            got = json.dumps(plan[name], ensure_ascii=False)
            raise NotChecked(
                "plan",
                f"本程序不认识 {name} {got}（只认识 {json.dumps(value)}）",
                f"{name} {got} is not known here, only {json.dumps(value)}",
            )
    exact(plan, PLAN, "plan")


def check_plan(plan: dict[str, Json]) -> None:
    """Check the plan alone: forms, order, numbers, parties."""
    ids = [plan["series"], plan["draw"], plan["directory"]]
    digests = [plan["pool"], plan["pool_key"], plan["recused"]]
    digests += [] if plan["previous"] is None else [plan["previous"]]
    for name in ("departments", "parties"):
        plan_holds(isinstance(plan[name], list), name)
    plan_holds(matches(INSTANT, plan["reveal_by"]), "reveal_by")
    for department in plan["departments"]:
        exact(department, DEPARTMENT, "plan")
        ids += [department["department"], department["qualification"]]
        digests += [department["left_out"], department["inspectors"]]
        digests += [] if department["joins"] is None else [department["joins"]]
        plan_holds(whole(department["seats"], 1) and department["seats"] <= SEATS_MOST, "seats")
        plan_holds(isinstance(department["allocations"], list), "allocations")
        for allocation in department["allocations"]:
            exact(allocation, ALLOCATION, "plan")
            ids.append(allocation["stratum"])
            digests.append(allocation["list"])
            plan_holds(whole(allocation["n"], 1), "n")
            plan_holds(whole(allocation["reserve"], 0), "reserve")
    plan_holds(all(matches(ID, each) for each in [*ids, *plan["parties"]]), "ids")
    plan_holds(all(matches(HEX32, each) for each in digests), "digests")
    for department in plan["departments"]:
        plan_holds(ascending([each["stratum"] for each in department["allocations"]]), "strata")
    plan_holds(ascending([each["department"] for each in plan["departments"]]), "departments")
    plan_holds(ascending(plan["parties"]) and len(plan["parties"]) > 1, "parties")
    drawing = {each["department"] for each in plan["departments"] if each["allocations"]}
    joining = {each["department"] for each in plan["departments"] if each["joins"] is not None}
    plan_holds(len(drawing) == 1, "allocations")
    plan_holds(bool(set(plan["parties"]) - drawing - joining), "parties")


def plan_holds(holds: bool, name: str) -> None:  # noqa: FBT001 - an assertion with a name
    """Name the entry of the plan that cannot be."""
    if not holds:
        raise Wrong("plan", f"“{name}”一项不合规", f"its “{name}” cannot be so")


def matches(form: re.Pattern[str], value: Json) -> bool:
    """Say whether this is a text of exactly this form."""
    return isinstance(value, str) and form.fullmatch(value) is not None


def whole(value: Json, least: int) -> bool:
    """Say whether this is an integer (true and false are none) of at least `least`."""
    return type(value) is int and value >= least


def ascending(values: list[str]) -> bool:
    """Strictly: nothing twice."""
    return sorted(set(values)) == values


# --- lists ----------------------------------------------------------------------------------------


def check_lists(plan: dict[str, Json], lists: dict[str, str]) -> dict[str, list[Row]]:
    """Every list that the plan names is there and of its form; gives their rows by digest."""
    rows: dict[str, list[Row]] = {}

    def read(name: str, *forms: str, key: int = 1) -> list[Row]:
        if name not in lists:
            raise Wrong(f"list {name}", "方案所列名单缺失", "the plan names it and it is not there")
        rows[name] = rows_of(name, lists[name], re.compile(r"\t".join(forms)), key)
        return rows[name]

    pool = {row[0] for row in read(plan["pool"], HANDLE)}
    read(plan["recused"], HANDLE, HANDLE, key=2)
    for department in plan["departments"]:
        read(department["inspectors"], HANDLE, COUNT, WORD)
        left_out = read(department["left_out"], HANDLE, WORD)
        joins = [] if department["joins"] is None else read(department["joins"], HANDLE)
        stands = [row[0] for row in left_out]
        for allocation in department["allocations"]:
            listed = read(allocation["list"], HANDLE, COUNT)
            stands += [row[0] for row in listed]
            check_allocation(allocation, listed)
        if department["allocations"] and (len(stands) != len(pool) or set(stands) != pool):
            raise Wrong(
                f"list {department['left_out']}",
                f"{department['department']} 的分层与剔除名单没有恰好覆盖对象库",
                f"strata and left-out list of {department['department']} do not match the pool",
            )
        if not pool.issuperset(row[0] for row in [*left_out, *joins]):
            name = department["joins"] or department["left_out"]
            raise Wrong(f"list {name}", "含有对象库以外的对象", "it has targets outside the pool")
    for name in sorted(set(lists) - set(rows)):
        raise Wrong(f"list {name}", "方案中没有此名单", "the plan does not name it")
    return rows


def rows_of(name: str, text: str, form: re.Pattern[str], key: int) -> list[Row]:
    """Lines ended by LF, of this form, strictly ascending, no key twice."""
    lines = text.split("\n")
    if lines.pop() != "":
        raise Wrong(f"list {name}", "末行没有换行符", "the last line does not end with LF")
    rows: list[Row] = []
    before: Row = ()
    for at, line in enumerate(lines, 1):
        found = form.fullmatch(line)
        if found is None:
            raise Wrong(f"list {name}", f"第 {at} 行格式不合规", f"line {at} is not of its form")
        row = found.groups()
        if row[:key] <= before:
            raise Wrong(f"list {name}", f"第 {at} 行未升序或重复", f"line {at} is out of order")
        before = row[:key]
        rows.append(row)
    return rows


def check_allocation(allocation: dict[str, Json], listed: list[Row]) -> None:
    """Weights are 1 to 1,000,000; there are enough targets for n and reserve."""
    for weight in {weight for _, weight in listed}:
        if not 1 <= int(weight) <= WEIGHT_MOST:
            raise Wrong(
                f"list {allocation['list']}", f"权重 {weight} 超限", f"a weight of {weight}"
            )
    plan_holds(allocation["n"] + allocation["reserve"] <= len(listed), "n + reserve")


# --- parties and seed -----------------------------------------------------------------------------


def parties_of(entries: list[dict[str, str]]) -> list[str]:
    """Give the parties of commitments or reveals, as they stand."""
    return [each["party"] for each in entries]


def shown(file: dict[str, Json]) -> bool:
    """Everybody who committed has revealed."""
    committed = set(parties_of(file["commitments"]))
    return bool(committed) and committed == set(parties_of(file["reveals"]))


def opens(file: dict[str, Json], party: str, plan_digest: str) -> bool:
    """Say whether salt and secret are those that a party committed to, under this plan."""
    reveal = next((each for each in file["reveals"] if each["party"] == party), None)
    commitment = next(each for each in file["commitments"] if each["party"] == party)
    if reveal is None or not well_formed(reveal):
        return False
    start = b"heli-draw-1/commit\0" + plan_digest.encode() + party.encode() + b"\0"
    content = start + bytes.fromhex(reveal["salt"]) + bytes.fromhex(reveal["secret"])
    return bool(digest(content) == commitment["digest"])


def well_formed(reveal: dict[str, str]) -> bool:
    """Salt of 16 and secret of 32 bytes, in lower-case hex."""
    return matches(HEX16, reveal["salt"]) and matches(HEX32, reveal["secret"])


def seed_of(plan_digest: str, reveals: list[dict[str, str]]) -> bytes:
    """Make the seed, 32 bytes, of the plan's digest (64 characters) and the secrets by party."""
    ordered = sorted(reveals, key=lambda each: each["party"])
    secrets = b"".join(bytes.fromhex(each["secret"]) for each in ordered)
    return sha256(b"heli-draw-1/seed\0" + plan_digest.encode() + secrets).digest()


def check_commitments(file: dict[str, Json], plan: dict[str, Json]) -> None:
    """Each party of the plan committed once and in time, nobody else did."""
    for each in file["commitments"]:
        part = f"commitment {each['party']}"
        if each["party"] not in plan["parties"]:
            raise Wrong(part, "方案中没有这一参与方", "the plan has no such party")
        if not matches(HEX32, each["digest"]):
            raise Wrong(part, "承诺应为 64 位小写十六进制", "must be 64 lower-case hex characters")
        if not matches(INSTANT, each["at"]) or each["at"] > plan["reveal_by"]:
            raise Wrong(part, "承诺时间不合规或晚于期限", "its time is malformed or too late")
    once_each(file, "commitment", plan["parties"])


def once_each(file: dict[str, Json], kind: str, parties: list[str]) -> None:
    """Let pass if each party stands there exactly once; without a result, more may be to come."""
    times = Counter(parties_of(file[f"{kind}s"]))
    for party in parties:
        if times[party] == 0 and file["result"] is None:
            raise NotChecked(
                f"{kind} {party}", "尚缺：抽取没有完成", "missing: the draw is not done"
            )
        if times[party] != 1:
            raise Wrong(f"{kind} {party}", "应恰好出现一次", "must stand there exactly once")


def check_reveals(
    file: dict[str, Json], plan: dict[str, Json], plan_digest: str, opened: list[str]
) -> None:
    """Each party's salt and secret open its commitment; if not, say which of the two is false."""
    for each in file["reveals"]:
        part = f"reveal {each['party']}"
        if each["party"] not in plan["parties"]:
            raise Wrong(part, "方案中没有这一参与方", "the plan has no such party")
        if not well_formed(each):
            raise Wrong(part, "盐值或随机数格式不合规", "salt or secret is malformed")
    once_each(file, "reveal", plan["parties"])
    for party in plan["parties"]:
        if party in opened:
            continue
        if follows(file, plan_digest):
            raise Wrong(
                f"commitment {party}",
                f"与 reveal {party} 不符，而随机数能得出本结果：承诺（或所公开的盐值）被改动",
                f"reveal {party} does not open it, yet its secret leads to this very result: "
                "the commitment (or the salt of the reveal) was altered",
            )
        raise Wrong(
            f"reveal {party}",
            f"与 commitment {party} 不符，也得不出本结果",
            f"it does not open commitment {party}, nor does it lead to this result",
        )


def follows(file: dict[str, Json], plan_digest: str) -> bool:
    """Say whether the result follows from the secrets shown, whatever was committed."""
    if not all(map(well_formed, file["reveals"])):
        return False
    try:
        rows = check_lists(file["plan"], file["lists"])
        seed = seed_of(plan_digest, file["reveals"])
        check_result(file["result"], draw_again(file["plan"], rows, seed))
    except Wrong:
        return False
    return True


# --- targets --------------------------------------------------------------------------------------


def draw_again(
    plan: dict[str, Json], rows: dict[str, list[Row]], seed: bytes
) -> dict[str, list[dict[str, Json]]]:
    """Make the result that plan, lists and seed lead to."""
    allocations = []
    for department in plan["departments"]:
        for allocation in department["allocations"]:
            listed = [(handle, int(weight)) for handle, weight in rows[allocation["list"]]]
            taken, reserve = draw_targets(listed, allocation["n"], allocation["reserve"], seed)
            names = {"department": department["department"], "stratum": allocation["stratum"]}
            allocations.append({**names, "taken": taken, "reserve": reserve})
    inspectors, empty = draw_inspectors(plan, rows, allocations, seed)
    return {"allocations": allocations, "inspectors": inspectors, "empty": empty}


def key(seed: bytes, handle: str) -> int:
    """K: a number from 0 to 2²⁵⁶ - 1 that nobody can choose."""
    return int.from_bytes(sha256(seed + b"\0" + handle.encode()).digest(), "big")


def draw_targets(
    listed: list[tuple[str, int]], n: int, reserve: int, seed: bytes
) -> tuple[list[str], list[str]]:
    """Pareto sampling: those certain by weight first, then n by their fractions, then reserve."""
    certain: list[tuple[int, str]] = []
    total = sum(weight for _, weight in listed)
    while heavy := [(handle, weight) for handle, weight in listed if n * weight >= total]:
        certain += [(key(seed, handle), handle) for handle, _ in heavy]
        listed = [(handle, weight) for handle, weight in listed if n * weight < total]
        n -= len(heavy)
        total -= sum(weight for _, weight in heavy)
    if len({weight for _, weight in listed}) <= 1:
        keyed = ((key(seed, handle), handle) for handle, _ in listed)
        order = [handle for _, handle in nsmallest(n + reserve, keyed)]
    else:
        places = (Place(handle, key(seed, handle), weight, n, total) for handle, weight in listed)
        order = [place.handle for place in nsmallest(n + reserve, places)]
    return [handle for _, handle in sorted(certain)] + order[:n], order[n:]


class Place:
    """A target's place in the order: K·(W - n·w) / ((2²⁵⁶ - K)·n·w), as an exact fraction.

    `near` is the fraction times 2⁶⁴, rounded down: it decides but for the rarest ties, which are
    decided exactly.
    """

    __slots__ = ("handle", "near", "over", "under")

    def __init__(self, handle: str, k: int, weight: int, n: int, total: int) -> None:  # noqa: PLR0917
        self.handle = handle
        self.over = k * (total - n * weight)
        self.under = (WHOLE - k) * n * weight
        self.near = (self.over << 64) // self.under

    def __lt__(self, other: "Place") -> bool:
        if self.near != other.near:
            return self.near < other.near
        mine, theirs = self.over * other.under, other.over * self.under
        return (mine, self.handle) < (theirs, other.handle)


# --- inspectors -----------------------------------------------------------------------------------


def draw_inspectors(
    plan: dict[str, Json],
    rows: dict[str, list[Row]],
    allocations: list[dict[str, Json]],
    seed: bytes,
) -> tuple[list[dict[str, Json]], list[dict[str, str]]]:
    """Seat after seat the smallest key of those free; then again with every limit one higher."""
    seats = Seats(set(rows[plan["recused"]]))
    staffs = []
    for department in plan["departments"]:
        limits = limits_of(department, rows)
        visits = [(t, list[str]()) for t in targets_of(department, rows, allocations, seed)]
        staffs.append((department, limits, visits))
    waiting = [visits if limits else [] for _, limits, visits in staffs]
    raised = 0
    while any(waiting):
        for at, (department, limits, _) in enumerate(staffs):
            most = {name: limit + raised for name, limit in limits.items()}
            waiting[at] = seats.go_round(department["seats"], most, waiting[at], seed)
        raised += 1
    seated, empty = [], []
    for department, _, visits in staffs:
        for target, team in visits:
            names = {"department": department["department"], "target": target}
            seated.append({**names, "inspectors": team})
            empty += [names] * (department["seats"] - len(team))
    return seated, empty


class Seats:
    """Seats given so far: how often each inspector goes, and who is in which visit."""

    def __init__(self, recused: set[Row]) -> None:
        self.recused = recused
        self.times: Counter[str] = Counter()
        self.inside: set[tuple[str, str]] = set()

    def go_round(
        self, seats: int, most: dict[str, int], waiting: list[tuple[str, list[str]]], seed: bytes
    ) -> list[tuple[str, list[str]]]:
        """Give the empty seats of one department's visits; gives those that go round again."""
        free = {name for name, limit in most.items() if self.times[name] < limit}
        later: list[tuple[str, list[str]]] = []
        for at, (target, team) in enumerate(waiting):
            if not free:  # nor will anybody be for those behind, in this round
                return later + waiting[at:]
            able = [name for name in most if self.may(target, name)]
            order = ranking([name for name in able if name in free], target, seed)
            chosen = order[: seats - len(team)]
            team.extend(chosen)
            for name in chosen:
                self.inside.add((target, name))
                self.times[name] += 1
                if self.times[name] >= most[name]:
                    free.discard(name)
            if len(team) < seats and len(able) > len(chosen):
                later.append((target, team))
        return later

    def may(self, target: str, name: str) -> bool:
        """Say whether an inspector is neither recused for a target nor in its visit already."""
        return (target, name) not in self.recused and (target, name) not in self.inside


def limits_of(department: dict[str, Json], rows: dict[str, list[Row]]) -> dict[str, int]:
    """Give a department's qualified inspectors, each with the visits made before others go."""
    return {
        name: int(limit)
        for name, limit, qualification in rows[department["inspectors"]]
        if qualification == department["qualification"]
    }


def targets_of(
    department: dict[str, Json],
    rows: dict[str, list[Row]],
    allocations: list[dict[str, Json]],
    seed: bytes,
) -> list[str]:
    """One department's visits, by (K, handle): its own drawn targets and those that it joins."""
    joins = {row[0] for row in rows[department["joins"]]} if department["joins"] else set()
    own = department["department"]
    visits = {
        handle
        for drawn in allocations
        for handle in drawn["taken"]
        if drawn["department"] == own or handle in joins
    }
    return sorted(visits, key=lambda handle: (key(seed, handle), handle))


def ranking(names: list[str], target: str, seed: bytes) -> list[str]:
    """Order inspectors for one target by their keys."""
    start = seed + b"\x01" + target.encode() + b"\0"
    ranked = sorted((sha256(start + name.encode()).digest(), name) for name in names)
    return [name for _, name in ranked]


# --- result ---------------------------------------------------------------------------------------


def check_result(result: Json, again: dict[str, list[dict[str, Json]]]) -> None:
    """Compare the result with what was computed again, entry by entry."""
    if result is None:
        raise NotChecked("result", "尚无结果：抽取没有完成", "there is none: the draw is not done")
    exact(result, set(again), "result")
    for name in ("allocations", "inspectors", "empty"):
        stated = result[name] if isinstance(result[name], list) else []
        for at, right in enumerate(again[name]):
            if at >= len(stated) or stated[at] != right:
                where = f"{right['department']} {right.get('stratum', right.get('target'))}"
                raise Wrong(f"result {name} {where}", "与重算结果不符", "is not what follows")
        if stated != again[name]:
            raise Wrong(f"result {name}", "有多余条目", "has entries that do not follow")


def counts(plan: dict[str, Json], rows: dict[str, list[Row]], result: Json) -> dict[str, int]:
    """Say what was looked at, in numbers."""
    return {
        "pool": len(rows[plan["pool"]]),
        "lists": len(rows),
        "drawn": sum(len(each["taken"]) for each in result["allocations"]),
        "reserve": sum(len(each["reserve"]) for each in result["allocations"]),
        "visits": len(result["inspectors"]),
        "inspectors": sum(len(each["inspectors"]) for each in result["inspectors"]),
        "empty": len(result["empty"]),
    }


# --- reading and telling --------------------------------------------------------------------------


def load(path: Path) -> dict[str, Json]:
    """Read the file, or the folder: one JSON file, and lists named by their digests beside it."""
    try:
        if not path.is_dir():
            return read_draw(path)
        file = read_draw(single(list(path.glob("*.json"))))
        beside = {
            each.name.removesuffix(".txt"): each.read_bytes().decode()
            for each in path.iterdir()
            if HEX32.fullmatch(each.name.removesuffix(".txt"))
        }
        file["lists"] = {**file.get("lists", {}), **beside}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as fault:
        raise NotChecked("file", f"无法读取：{fault}", f"cannot be read: {fault}") from fault
    return file


def read_draw(path: Path) -> dict[str, Json]:
    """Read one JSON file; says plainly when there is none, or when it is something else."""
    try:
        return parsed(path.read_bytes())
    except FileNotFoundError as no:
        raise NotChecked("file", f"没有这个文件：{path}", f"no such file: {path}") from no
    except (json.JSONDecodeError, UnicodeDecodeError) as no:
        raise NotChecked(
            "file",
            f"这不是抽取文件（JSON）：{path}",
            f"this is not a draw's file (JSON): {path}",
        ) from no


def single(files: list[Path]) -> Path:
    """Give the only file there is."""
    if len(files) != 1:
        raise ValueError(f"{len(files)} files end with .json, one must")
    return files[0]


def parsed(raw: bytes) -> dict[str, Json]:
    """JSON in which no name stands twice and every number is an integer."""

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise ValueError(f"a name twice in {sorted(value)[:9]}")
        return value

    def refuse(number: str) -> Json:
        raise ValueError(f"{number} is not an integer")

    read: dict[str, Json] = json.loads(
        raw, object_pairs_hook=once, parse_float=refuse, parse_constant=refuse
    )
    return read


def notes(parties: list[str]) -> list[tuple[str, str]]:
    """Say what the file cannot prove, every time."""
    k = len(parties)
    return [
        (
            f"没有外部随机源：k 个参与方若不公开，可否决至多 k 个结果（本次参与方 {k} 个）",
            f"without a beacon, k silent parties could have rejected up to k results ({k} parties)",
        ),
        (
            "若所有随机数由同一操作人掌握，则不能证明可信；文件本身无法反映这一点",
            "if one operator held all secrets, nothing about trust is proven; the file cannot know",
        ),
        (
            "请将方案摘要与冻结时公布的摘要核对（--plan-digest）",
            "compare the plan's digest with the one published at the freeze (--plan-digest)",
        ),
    ]


def main(argv: list[str]) -> int:
    """Verify one draw and say in two languages what was found."""
    parser = argparse.ArgumentParser(prog="draw_verifier.py", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="抽取文件或文件夹 the draw's file or folder")
    parser.add_argument(
        "--plan-digest", help="冻结时公布的方案摘要 the digest published at the freeze"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 say it as JSON")
    asked = parser.parse_args(argv)
    try:
        found = verify(load(asked.file), published=asked.plan_digest)
    except Wrong as wrong:
        return tell_wrong(wrong, as_json=asked.json)
    tell_right(found, as_json=asked.json)
    return 0


def tell_wrong(wrong: Wrong, *, as_json: bool) -> int:
    """Name the first wrong part."""
    if as_json:
        said = {"ok": False, "part": wrong.part, "zh": wrong.zh, "en": wrong.en}
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    else:
        zh, en = ("不成立", "WRONG") if wrong.exit == 1 else ("无法核验", "NOT CHECKED")
        for line in (f"{zh}：{wrong.part}：{wrong.zh}", f"{en}: {wrong.part}: {wrong.en}"):
            shown_safely = "".join(sign if sign.isprintable() else "?" for sign in line)
            sys.stdout.write(shown_safely + "\n")
    return wrong.exit


def tell_right(found: dict[str, Json], *, as_json: bool) -> None:
    """Say what was checked, and what no file can prove."""
    caveats = notes(found["parties"])
    if as_json:
        both = [{"zh": zh, "en": en} for zh, en in caveats]
        said = {"ok": True, "part": None, **found, "notes": both}
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        return
    n = found["counts"]
    parties = ", ".join(found["parties"])
    told = [
        ("核验通过", f"{found['draw']}（{found['series']}）"),
        ("VERIFIED", f"{found['draw']} ({found['series']})"),
        ("方案摘要 plan digest", found["plan_digest"]),
        ("结果摘要 result digest", found["result_digest"]),
        ("随机种子 seed", found["seed"]),
        ("名单 lists", f"{n['lists']}，对象库 pool {n['pool']}"),
        ("承诺与公开 committed and revealed", parties),
        ("抽取对象 targets drawn", f"{n['drawn']}，备选 reserve {n['reserve']}"),
        ("检查人员 inspectors seated", f"{n['inspectors']}，检查 visits {n['visits']}"),
        ("空缺席位 seats left empty", n["empty"]),
        *(("注意", f"{zh}\nNote: {en}") for zh, en in caveats),
    ]
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in told))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr] # a TextIO may lack it, standard output has it
    sys.exit(main(sys.argv[1:]))
