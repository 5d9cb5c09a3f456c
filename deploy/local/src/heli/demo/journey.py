"""The journey of one station: warning, clue, visit, result, penalty, grade, report."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heli.client import ApiProblem, Client
from heli.demo.cast import Cast
from heli.demo.figures import grounds
from heli.demo.load import window
from heli.demo.province.sheets import Province
from heli.demo.province.world import LINES, Station, World
from heli.demo.story import DoesNotHold, Story, must, wait_for

_FINE_FEN = 2_000_000
_NOT_FOUND = 404
_DEPARTMENTS = ("commerce-330100", "market-330100", "emergency-330100")


@dataclass(frozen=True, slots=True)
class Journey:
    """Who plays, in which world, about which station; `pid_of` finds a service's process."""

    story: Story
    cast: Cast
    world: World
    station: Station
    pid_of: Callable[[str], int]

    @property
    def subject(self) -> str:
        """Give the entity's id."""
        return f"uscc-{self.station.code}"

    def play(self) -> dict[str, Any]:
        """Play it; gives the ids that the page of figures needs."""
        warning = self._warning()
        clue = self._clue(warning)
        before = self._grade()
        clue = self._dispatch(clue, warning)
        self._outsider(clue)
        self._kill("clue-dispatch")
        clue = self._sign(clue)
        visit = self._visit(clue)
        case = self._case(clue)
        self._graded(before, case)
        self._sent_back(clue)
        self._close(clue, warning)
        report = self._reported(case, visit)
        self._whole()
        return {
            "warning": warning["id"],
            "clue": clue["id"],
            "visit": visit["id"],
            "report": report,
        }

    # From data to a clue -----------------------------------------------------------------------

    def _warning(self) -> dict[str, Any]:
        officer = self.cast.person("甲市商务局经办人")
        found: dict[str, Any] = wait_for(
            f"a warning about {self.station.code}",
            lambda: next(iter(officer.list("/warnings", subject=self.subject)), None),
        )
        must(found["level"] in {"red", "orange"}, f"the warning is red or orange: {found['level']}")
        evidence = [grounds(one) for one in found["evidence"] if one["threshold"] is not None]
        self.story.step(
            "risk-monitor",
            f"对 {self.station.name} 发出预警",
            "raised a warning",
            warning=found["id"],
            kind=f"{found['kind']}，{found['level']}",
            model=f"{found['model']} v{found['model_version']}",
            evidence="；".join(evidence),
        )
        return found

    def _clue(self, warning: dict[str, Any]) -> dict[str, Any]:
        officer = self.cast.person("甲市商务局经办人")
        found: dict[str, Any] = wait_for(
            "the warning became a clue",
            lambda: next(
                (
                    c
                    for c in officer.list("/clues", subject=self.subject)
                    if c["origin"]["id"] == warning["id"]
                ),
                None,
            ),
        )
        self.story.step(
            "clue-dispatch",
            "红、橙色预警即时登记为问题线索",
            "registered a clue at once",
            clue=found["id"],
            rule=found["origin"]["rule"],
            dispatch_due=found["dispatch_due"]["at"],
        )
        officer.post(
            f"/warnings/{warning['id']}:assess", {"outcome": "valid", "reason": "数据属实（示例）"}
        )
        wait_for(
            "clue-dispatch heard the assessment",
            lambda: officer.get(f"/clues/{found['id']}")["assessment"],
        )
        self.story.step("甲市商务局经办人", "研判：属实", "assessed the warning: valid")
        return found

    def _dispatch(self, clue: dict[str, Any], warning: dict[str, Any]) -> dict[str, Any]:
        lead = self.cast.person("甲市商务局负责人")
        done: dict[str, Any] = lead.post(
            f"/clues/{clue['id']}:dispatch", {"reason": f"预警 {warning['id']} 属实"}
        )
        duties = "；".join(
            f"{duty['line']} {duty['role']}（{duty['basis']}）"
            for duty in done["routing"]["duties"]
        )
        self.story.step(
            "甲市商务局负责人",
            "按责任清单分办",
            "dispatched it by the responsibility matrix",
            lead=done["lead"],
            cooperators=", ".join(done["cooperators"]),
            why=duties,
            chain=" → ".join(done["routing"]["chain"]),
            sign_due=done["sign_due"]["at"],
            verify_due=done["verify_due"]["at"],
        )
        return done

    def _outsider(self, clue: dict[str, Any]) -> None:
        try:
            self.cast.person("乙市商务局负责人").get(f"/clues/{clue['id']}")
        except ApiProblem as no:
            must(no.status == _NOT_FOUND, f"an outsider gets 404, not {no.status}")
        else:
            raise DoesNotHold("an outsider read the clue")
        self.story.step("乙市商务局负责人", "查询同一线索：404", "asked for the same clue: 404")

    def _kill(self, service: str) -> None:
        wait_for(f"{service} runs", lambda: self.pid_of(service) > 0)
        pid = self.pid_of(service)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"{service} runs again", lambda: self.pid_of(service) not in {0, pid})
        self.story.step(
            "kill -9", f"{service}（进程 {pid}），随即自动恢复", f"{service}; it came back"
        )

    def _sign(self, clue: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = self.cast.person("甲市商务局经办人").post(
            f"/clues/{clue['id']}:sign", {}
        )
        self.story.step("甲市商务局经办人", "签收", "signed", state=done["state"])
        return done

    # The visit ---------------------------------------------------------------------------------

    def _visit(self, clue: dict[str, Any]) -> dict[str, Any]:
        lead = self.cast.person("甲市商务局负责人")
        begin, end = window(self.world.today)
        wanted = [
            {"department": one, "codes14": [LINES[one.split("-")[0]][1]]} for one in _DEPARTMENTS
        ]
        asked = {
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "departments": wanted,
            "reason": "监测数据异常，需现场核查（示例）",
        }
        lead.post(f"/clues/{clue['id']}:request-visit", asked)
        visit = wait_for("a visit is planned", lambda: self._planned(lead, clue["id"]))
        self.story.step(
            "joint-inspection",
            "安排一次上门，各部门一起去",
            "planned one visit for all departments",
            visit=visit["id"],
            on=visit["on"],
            departments=", ".join(visit["departments"]),
            instead_of=f"{visit['separate_visits']} 次单独检查 separate inspections",
        )
        return self._visited(lead, visit)

    def _planned(self, lead: Client, clue: str) -> dict[str, Any] | None:
        return next(iter(lead.list("/visits", clue=clue)), None)

    def _visited(self, lead: Client, visit: dict[str, Any]) -> dict[str, Any]:
        path = f"/visits/{visit['id']}"
        named = {team["department"] for team in visit["teams"] if team["drawn"]}
        teams = [
            {"department": one, "inspectors": [f"{one}-1", f"{one}-2"]}
            for one in visit["departments"]
            if one not in named
        ]
        lead.post(f"{path}:approve", {"teams": teams, "reason": "线索核查"})
        lead.post(f"{path}:notify", {"reason": "送达检查通知书"})
        ready = lead.get(path)
        people = {t["department"]: [m["inspector"] for m in t["members"]] for t in ready["teams"]}
        shown = [one for team in people.values() for one in team]
        officer = self.cast.person("甲市商务局经办人")
        officer.post(f"{path}:start", {"shown": shown})
        asked = {(d["department"], code) for d in ready["duties"] for code in d["codes14"]}
        for department, code in sorted(asked):
            self._result(path, department, code, people)
        done: dict[str, Any] = lead.post(f"{path}:finish", {})
        self.story.step(
            "三个部门",
            "同一次上门，各自给出结果",
            "one visit, a result per department and item",
            results=len(done["results"]),
            publish_due=done["publish_due_at"],
        )
        published = lead.post("/publications", {"kind": "result", "of": visit["id"]})
        self.story.step("甲市商务局", "公示结果", "published", publication=published["id"])
        return done

    def _result(self, path: str, department: str, code: str, people: dict[str, list[str]]) -> None:
        caught = department.startswith("market")
        names = {"commerce": "甲市商务局经办人", "market": "甲市市场监管局经办人"}
        person = names.get(department.split("-", maxsplit=1)[0], "甲市应急管理局经办人")
        client = self.cast.person(person)
        body = {
            "code14": code,
            "categories": ["8"] if caught else ["1"],
            "disposal": "none",
            "findings": "加油机计量数据与申报不符" if caught else "未发现问题",
            "inspectors": people[department],
            "inspected_on": self.world.today.isoformat(),
        }
        client.post(f"{path}/results", body)

    # Penalty, grade, report --------------------------------------------------------------------

    def _case(self, clue: dict[str, Any]) -> dict[str, Any]:
        """File and decide the market department's case: a fine."""
        penalty = {"kinds": ["fine"], "fine_fen": _FINE_FEN}
        told = {"facts": "计量作弊（示例）", "law": "计量法第二十八条", "statement": "waived"}
        done = self._proceeding("market", clue, "metering-fraud", penalty | told)
        self.story.step(
            "甲市市场监管局",
            "立案、两人调查、告知、另一人法制审核、决定、送达",
            "filed, investigated by two, told, reviewed by another person, decided, served",
            case=done["id"],
            penalty=done["penalty"]["penalty"],
            fine=f"{_FINE_FEN / 100:.2f} 元 yuan",
        )
        return done

    def _sent_back(self, clue: dict[str, Any]) -> None:
        """Decide a second case, whose facts are longer than the platform takes."""
        told = {
            "facts": "台账记录不全（示例）。" * 200,
            "law": "成品油流通管理办法",
            "statement": "waived",
        }
        done = self._proceeding("commerce", clue, "stock-records", {"kinds": ["warning"]} | told)
        penalty = done["penalty"]["penalty"]

        def rejected() -> dict[str, Any] | None:
            reports = self.cast.admin.list("/reports", state="rejected")
            return next((one for one in reports if one["source"]["id"] == penalty), None)

        report = wait_for("the platform sends the row back", rejected)
        self.story.step(
            "国家平台（沙箱）",
            "退回一条：违法事实超过平台规定的长度",
            "sent a row back: the facts are longer than it takes",
            case=done["id"],
            report=report["id"],
            field=report["field"],
            code=report["code"],
        )

    def _proceeding(
        self, line: str, clue: dict[str, Any], act: str, told: dict[str, Any]
    ) -> dict[str, Any]:
        """Take a case from filing to service, with the people that the law asks for."""
        office = {"market": "甲市市场监管局", "commerce": "甲市商务局"}[line]
        lead = self.cast.person(f"{office}负责人")
        officer = self.cast.person(f"{office}经办人")
        reviewer = self.cast.person(f"{office}法制审核员")
        case = lead.post("/cases", {"clue": clue["id"], "code14": LINES[line][1], "act": act})
        path = f"/cases/{case['id']}"
        officers = [
            {"person": one.id, "certificate": f"SL{number:06d}"}
            for number, one in enumerate(self.world.inspectors, 1)
            if one.department == f"{line}-330100"
        ][:2]
        found = {"officers": officers, "findings": "现场取证，两名执法人员"}
        officer.post(f"{path}:investigate", found)
        officer.post(f"{path}:notify", told)
        reviewer.post(f"{path}:review", {"opinion": "事实清楚，程序合法"})
        decided = {name: told[name] for name in ("kinds", "fine_fen") if name in told}
        document = f"示例{line}罚字{self.world.today.year}-1号"
        tier = "general" if decided.get("fine_fen") else "minor"
        lead.post(f"{path}:decide", decided | {"tier": tier, "document": document})
        done: dict[str, Any] = officer.post(f"{path}:serve", {"means": "direct"})
        return done

    def _grade(self) -> dict[str, Any] | None:
        lead = self.cast.person("甲市市场监管局负责人")
        return next(iter(lead.list(f"/entities/{self.station.code}/grades")), None)

    def _graded(self, before: dict[str, Any] | None, case: dict[str, Any]) -> None:
        def changed() -> dict[str, Any] | None:
            now = self._grade()
            return now if now and now.get("points") != (before or {}).get("points") else None

        def counted() -> dict[str, Any] | None:
            now = changed()
            lines = now["lines"] if now else []
            return now if len([line for line in lines if line["points"]]) > 1 else None

        grade = wait_for("the penalty counts in the grade", counted)
        lines = "；".join(f"{line['indicator']} {line['points']:+d}" for line in grade["lines"])
        self.story.step(
            "credit-service",
            "信用分级随结果和处罚变化，每一分都有出处",
            "the grade changed; every point is explained",
            before=f"{before['grade']} ({before['points']})" if before else "–",
            after=f"{grade['grade']} ({grade['points']})",
            why=lines,
            penalty=case["penalty"]["penalty"],
        )

    def _close(self, clue: dict[str, Any], warning: dict[str, Any]) -> None:
        officer, lead = self.cast.person("甲市商务局经办人"), self.cast.person("甲市商务局负责人")
        wait_for(
            "the clue heard that its visit is over",
            lambda: all(
                visit["state"] == "finished"
                for visit in officer.get(f"/clues/{clue['id']}")["visits"]
            ),
        )
        officer.post(f"/clues/{clue['id']}:feedback", {"text": "核查完毕，已由市场监管部门处罚"})
        body = {"conclusion": "confirmed", "evidence": "现场笔录、处罚决定书"}
        done = lead.post(f"/clues/{clue['id']}:conclude", body)
        closed = wait_for(
            "the warning is closed by its clue",
            lambda: (w := officer.get(f"/warnings/{warning['id']}"))["state"] == "closed" and w,
        )
        self.story.step(
            "甲市商务局",
            "办结线索，预警随之关闭",
            "concluded the clue, which closed the warning",
            conclusion=done["conclusion"],
            warning=closed["outcome"],
        )

    def _reported(self, case: dict[str, Any], visit: dict[str, Any]) -> str:
        admin = self.cast.admin
        sources = {case["penalty"]["penalty"], *(result["id"] for result in visit["results"])}

        def delivered() -> list[dict[str, Any]] | None:
            mine = [r for r in admin.list("/reports") if r["source"]["id"] in sources]
            bad = [r for r in mine if r["state"] == "rejected"]
            must(not bad, f"no report of the journey is rejected: {bad[:1]}")
            done = [r for r in mine if r["state"] == "delivered"]
            return done if len(done) == len(sources) else None

        reports = wait_for("the national platform took the reports", delivered)
        penalty = next(r for r in reports if r["source"]["id"] == case["penalty"]["penalty"])
        self.story.step(
            "gateway",
            "检查和处罚行为上报国家平台沙箱并收到回执",
            "reported the behaviour to the platform's sandbox and got its receipts",
            reports=len(reports),
            cd_batch=penalty["cd_batch"],
            cd_id=penalty["cd_id"],
        )
        return str(penalty["id"])

    def _whole(self) -> None:
        whole = self.cast.person("甲市市场监管局负责人").get(f"/entities/{self.station.code}")
        must(not whole["degraded"], f"all services answered: {whole['degraded']}")
        parts = {name: len(part["items"]) for name, part in whole["parts"].items()}
        self.story.step(
            "gateway",
            "一个主体，六个服务拼成一页",
            "one entity, composed from all services",
            parts=", ".join(f"{name} {count}" for name, count in parts.items()),
        )


def choose(province: Province) -> Station:
    """Choose the station of the journey: in 330100, and declared far below what was metered.

    Where that cannot be known, one whose licence expired; without either there is no journey.
    """
    for kind in ("declared_20_for_2", "licence_expired"):
        guilty = {one.code for one in province.truth if one.kind == kind and one.knowable}
        for station in province.world.stations:
            if station.code in guilty and station.prefecture == "330100":
                return station
    raise DoesNotHold("330100 has no station whose problem can be known: choose another seed")
