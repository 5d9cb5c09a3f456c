"""Who may call what: operation → roles. An operation without a row here does not start.

The caller's relation to a matter (assignee, lead, party) is a rule in that noun's `domain.py`;
this table only says which roles may try. `ANY` is every authenticated caller; `PUBLIC` needs no
token. The paths are those behind the gateway's `/api/v1`; every path parameter is written `{id}`.
"""

from enum import StrEnum


class Role(StrEnum):
    """角色 what a client or person may be, given per client."""

    INTEGRATOR = "integrator"
    OFFICER = "officer"
    LEAD = "lead"
    LEGAL_REVIEWER = "legal_reviewer"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"


# These see all lines of their regions, not only their own.
OVERSEERS = frozenset({Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN})

# These see personal data whole, for a purpose that they state; each time is an audit row.
UNMASK = frozenset({Role.OFFICER, Role.LEAD, Role.LEGAL_REVIEWER, Role.AUDITOR})

ANY = frozenset(Role)
PUBLIC: frozenset[Role] = frozenset()

_ADMIN = frozenset({Role.ADMIN})
_IMPORT = frozenset({Role.INTEGRATOR, Role.ADMIN})
_OFFICE = frozenset({Role.OFFICER, Role.LEAD, Role.ADMIN})
_LEAD = frozenset({Role.LEAD, Role.ADMIN})
_AUDIT = frozenset({Role.AUDITOR, Role.ADMIN})

EVERY_SERVICE = {
    "GET /jobs/{id}": ANY,
    "GET /jobs/{id}/errors": ANY,
    "GET /jobs/{id}/errors.csv": ANY,
    "GET /jobs/{id}/errors.xlsx": ANY,
    "GET /audit": _AUDIT,
    "GET /policies": ANY,
    "GET /operations/dead-letters": _ADMIN,
    "POST /operations/dead-letters/{id}:requeue": _ADMIN,
    "GET /operations/invariants": _ADMIN,
    "GET /operations/published": _ADMIN,
    "GET /operations/events": _ADMIN,
    "POST /operations/replays": _ADMIN,
    "GET /operations/replays/{id}": _ADMIN,
}

ITEM_REGISTRY: dict[str, frozenset[Role]] = {
    "GET /regions": ANY,
    "POST /regions": _LEAD,
    "POST /regions:import": _IMPORT,
    "GET /regions/{id}": ANY,
    "GET /departments": ANY,
    "POST /departments": _LEAD,
    "POST /departments:import": _IMPORT,
    "GET /departments/{id}": ANY,
    "GET /items": ANY,
    "POST /items": _LEAD,
    "POST /items:import": _IMPORT,
    "GET /items/{id}": ANY,
    "PATCH /items/{id}": _LEAD,
    "POST /items/{id}:publish": _LEAD,
    "GET /items/{id}/versions": ANY,
    "POST /items/{id}/versions": _LEAD,
    "GET /responsibilities": ANY,
    "POST /responsibilities": _LEAD,
    "GET /responsibilities:resolve": ANY,
    "GET /calendars": ANY,
    "POST /calendars": _LEAD,
    "GET /caps": ANY,
    "POST /caps": _LEAD,
}

CREDIT_SERVICE: dict[str, frozenset[Role]] = {
    "GET /entities": ANY,
    "POST /entities": _IMPORT | _OFFICE,
    "POST /entities:import": _IMPORT,
    "GET /entities/{id}": ANY,
    "GET /entities/{id}/grades": ANY,
    "GET /entities/{id}/records": ANY,
    "GET /provisional-subjects": ANY,
    "GET /provisional-subjects/{id}": ANY,
    "POST /provisional-subjects/{id}:resolve": _OFFICE,
    "GET /credit-records": ANY,
    "POST /credit-records": _IMPORT | _OFFICE,
    "POST /credit-records:import": _IMPORT,
    "GET /credit-records/{id}": ANY,
    "GET /indicator-systems": ANY,
    "POST /indicator-systems": _OFFICE,
    "GET /indicator-systems/{id}": ANY,
    "POST /indicator-systems/{id}:activate": _LEAD,
}

RISK_MONITOR: dict[str, frozenset[Role]] = {
    "POST /signals": _IMPORT,
    "POST /signals:import": _IMPORT,
    "GET /signals": ANY,
    "GET /signals/{id}": ANY,
    "GET /sources": ANY,
    "GET /warning-models": ANY,
    "POST /warning-models": _OFFICE,
    "GET /warning-models/{id}": ANY,
    "POST /warning-models/{id}:activate": _LEAD,
    "GET /warning-models/{id}/evaluations": ANY,
    "GET /warning-models/{id}/evaluations:summary": ANY,
    "GET /warnings": ANY,
    "GET /warnings/{id}": ANY,
    "POST /warnings/{id}:assess": _OFFICE,
}

CLUE_DISPATCH: dict[str, frozenset[Role]] = {
    "POST /clues": _OFFICE | {Role.INTEGRATOR},
    "GET /clues": ANY,
    "POST /clues:import": _IMPORT,
    "POST /clues:dispatch": _LEAD,
    "GET /clues:summary": ANY,
    "GET /clues/{id}": ANY,
    "GET /clues/{id}/timeline": ANY,
    "POST /clues/{id}:dispatch": _LEAD,
    "POST /clues/{id}:sign": _OFFICE,
    "POST /clues/{id}:return": _OFFICE,
    "POST /clues/{id}:request-visit": _LEAD,
    "POST /clues/{id}:feedback": _OFFICE,
    "POST /clues/{id}:conclude": _LEAD,
    "POST /cases": _LEAD,
    "GET /cases": ANY,
    "GET /cases/{id}": ANY,
    "POST /cases/{id}:investigate": _OFFICE,
    "POST /cases/{id}:notify": _OFFICE,
    "POST /cases/{id}:review": frozenset({Role.LEGAL_REVIEWER}),
    "POST /cases/{id}:decide": _LEAD,
    "POST /cases/{id}:serve": _OFFICE,
}

JOINT_INSPECTION: dict[str, frozenset[Role]] = {
    "GET /targets": ANY,
    "POST /targets": _OFFICE | _IMPORT,
    "GET /targets/{id}": ANY,
    "POST /targets:import": _IMPORT,
    "POST /targets:from-entities": _LEAD | _IMPORT,
    "GET /inspectors": ANY,
    "POST /inspectors": _LEAD | _IMPORT,
    "GET /inspectors/{id}": ANY,
    "POST /inspectors:import": _IMPORT,
    "POST /inspectors/{id}:recuse": _LEAD,
    "GET /pools": ANY,
    "POST /pools": _LEAD,
    "GET /draws": ANY,
    "POST /draws": _LEAD,
    "GET /draws/{id}": ANY,
    "GET /draws/{id}/file": PUBLIC,
    "GET /draws/{id}/openings": ANY,
    "GET /draws/{id}/inspectors": ANY,
    "POST /draws/{id}:freeze": _LEAD,
    "POST /draws/{id}:commit": _LEAD | {Role.SUPERVISOR},
    "POST /draws/{id}:reveal": _LEAD | {Role.SUPERVISOR},
    "POST /draws/{id}:abandon": _LEAD | {Role.SUPERVISOR},
    "GET /visits": ANY,
    "POST /visits": _LEAD,
    "GET /visits:usage": ANY,
    "GET /visits:summary": ANY,
    "GET /visits/{id}": ANY,
    "POST /visits:import": _IMPORT,
    "POST /visits/{id}:approve": _LEAD,
    "POST /visits/{id}:notify": _OFFICE,
    "POST /visits/{id}:start": _OFFICE,
    "POST /visits/{id}/results": _OFFICE,
    "POST /visits/{id}:finish": _OFFICE,
    "GET /publications": PUBLIC,
    "POST /publications": _LEAD | {Role.SUPERVISOR},
    "GET /publications/{id}": PUBLIC,
}

# `/joined/…` is what the gateway answers from all six; outside it has the plain name.
GATEWAY: dict[str, frozenset[Role]] = {
    "POST /oauth/token": PUBLIC,
    "GET /me": ANY,
    "GET /clients": _ADMIN,
    "POST /clients": _ADMIN,
    "POST /clients/{id}:revoke": _ADMIN,
    "GET /entities/{id}": ANY,
    "GET /joined/audit": _AUDIT,
    "GET /joined/policies": ANY,
    "GET /joined/operations/dead-letters": _ADMIN,
    "POST /joined/operations/dead-letters/{id}:requeue": _ADMIN,
    "GET /joined/operations/invariants": _ADMIN,
    "GET /joined/operations/events": _ADMIN,
    "POST /joined/operations/{id}:replay": _ADMIN,
    "GET /joined/operations/{id}/replays/{id}": _ADMIN,
    "GET /reports": ANY,
    "GET /reports/{id}": ANY,
    "POST /reports/{id}:resend": _IMPORT | _LEAD,
}

OPERATIONS = {
    "item-registry": ITEM_REGISTRY | EVERY_SERVICE,
    "credit-service": CREDIT_SERVICE | EVERY_SERVICE,
    "risk-monitor": RISK_MONITOR | EVERY_SERVICE,
    "clue-dispatch": CLUE_DISPATCH | EVERY_SERVICE,
    "joint-inspection": JOINT_INSPECTION | EVERY_SERVICE,
    "gateway": GATEWAY | EVERY_SERVICE,
}
