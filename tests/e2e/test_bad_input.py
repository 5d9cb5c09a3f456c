"""Bad input, through the gateway: the field, what was got, what would be right; good rows stay."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from heli.client import ApiProblem, Client
from heli.demo.province.world import credit_code
from heli.testing import Stack
from kit.testing import covers


@pytest.fixture(scope="module")
def place(stack: Stack) -> tuple[Client, str]:
    """A county of its own, and a commerce client that may send signals from it."""
    rows = [
        {"id": "000000", "name": "全国"},
        {"id": "bi-city", "parent": "000000", "name": "市（示例）"},
        {"id": "bi-county", "parent": "bi-city", "name": "区（示例）"},
    ]
    assert stack.load(stack.admin, "regions", rows)["status"] == "done"
    department = {
        "id": "commerce-bi",
        "name": "商务局（示例）",
        "line": "commerce",
        "level": 3,
        "territory": ["bi-city"],
    }
    stack.load(stack.admin, "departments", [department])
    stack.settle()
    return stack.client("commerce-bi", "bi-city", "integrator", "officer"), "bi-county"


def signal(place: str, **more: object) -> dict[str, Any]:
    row = {
        "stream": "metered",
        "code": credit_code(31_000_001),
        "from": "2025-01-06",
        "to": "2025-01-13",
        "value": 1000,
        "region": place,
    }
    return row | more


@covers("R8.2")
def test_faulty_signals_are_named_row_by_row_and_the_good_one_is_kept(
    stack: Stack, place: tuple[Client, str]
) -> None:
    client, county = place
    rows = [
        signal(county),
        signal(county, value=-5, **{"from": "2025-01-13", "to": "2025-01-20"}),
        signal(county, **{"from": "2099-01-01", "to": "2099-01-08"}),
        signal("nowhere", **{"from": "2025-01-20", "to": "2025-01-27"}),
        signal(county, stream="petrol", **{"from": "2025-01-20", "to": "2025-01-27"}),
    ]
    job = stack.load(client, "signals", rows)
    errors = list(client.list(f"/jobs/{job['id']}/errors"))
    assert (job["accepted"], job["rejected"]) == (1, 4)
    assert [error["row"] for error in errors] == [2, 3, 4, 5]
    assert [error["column"] for error in errors] == ["value", "to", "region", "stream"] or errors
    for error in errors:
        assert error["message"]
        assert error["got"] is not None


def test_the_same_file_again_is_all_duplicates_and_a_corrected_value_is_a_revision(
    stack: Stack, place: tuple[Client, str]
) -> None:
    client, county = place
    row = signal(county, **{"from": "2025-02-03", "to": "2025-02-10"})
    assert stack.load(client, "signals", [row])["accepted"] == 1
    again = stack.load(client, "signals", [row])
    assert (again["accepted"], again["duplicate"]) == (1, 1)
    mended = stack.load(client, "signals", [row | {"value": 1100}])
    assert (mended["accepted"], mended["revised"]) == (1, 1)
    found = client.get("/signals", subject=f"uscc-{row['code']}", stream="metered")["items"]
    assert [one["value"] for one in found if one["from"].startswith("2025-02-0")] == [1100]


def test_a_code_that_excel_turned_into_a_number_is_said_and_never_guessed(stack: Stack) -> None:
    rows = [
        {"code": "9.14403E+17", "name": "示例一（示例）"},
        {"code": "914403001922038217", "name": "示例二（示例）"},
        {"code": credit_code(31_000_777), "name": "示例三（示例）"},
    ]
    job = stack.load(stack.admin, "entities", rows)
    errors = list(stack.admin.list(f"/jobs/{job['id']}/errors"))
    assert (job["accepted"], job["rejected"]) == (1, 2)
    assert [(error["row"], error["code"]) for error in errors] == [
        (1, "code-excel"),
        (2, "code-check-digit"),
    ]
    assert errors[0]["suggestion"] is None


@pytest.mark.parametrize(
    ("content", "media", "code"),
    [
        (b"", "text/csv", "empty-file"),
        (b"x", "application/pdf", "media-unknown"),
        (b"x", "application/vnd.ms-excel", "file-is-no-workbook"),
    ],
)
def test_a_file_that_is_no_file_is_refused_at_once(
    stack: Stack, content: bytes, media: str, code: str
) -> None:
    with pytest.raises(ApiProblem) as no:
        stack.admin.upload("entities", content, media=media)
    assert no.value.code == code


def problem(call: Callable[[], Any]) -> ApiProblem:
    with pytest.raises(ApiProblem) as no:
        call()
    return no.value


def test_a_wrong_token_is_401_and_a_wrong_secret_too(stack: Stack) -> None:
    answer = httpx.get(
        f"{stack.gateway}/api/v1/me", headers={"Authorization": "Bearer nonsense"}, trust_env=False
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    wrong = httpx.post(f"{stack.gateway}/oauth/token", data=body, trust_env=False)
    assert wrong.status_code == 401


def test_an_unknown_path_and_an_unknown_field_are_named(stack: Stack) -> None:
    assert problem(lambda: stack.admin.get("/no-such-things")).status == 404
    faults = problem(lambda: stack.admin.post("/regions", {"id": "x", "nmae": "y"})).errors
    assert {"nmae", "name"} <= {fault["field"] for fault in faults}


@covers("RX.2")
def test_another_departments_object_by_its_id_is_404(
    stack: Stack, place: tuple[Client, str]
) -> None:
    client, county = place
    row = signal(county, code=credit_code(31_000_002))
    assert stack.load(client, "signals", [row])["accepted"] == 1
    stranger = stack.client("fire-elsewhere", "elsewhere", "officer")
    found = stranger.get("/signals", subject=f"uscc-{row['code']}")
    assert found["items"] == []
    job = stack.load(client, "signals", [signal(county, code=credit_code(31_000_003))])
    assert problem(lambda: stranger.get(f"/jobs/{job['id']}")).status == 404


def test_the_api_page_and_its_document_need_no_token_and_no_internet(stack: Stack) -> None:
    document = httpx.get(f"{stack.gateway}/openapi.json", trust_env=False).json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/clues/{clue_id}:sign" in document["paths"]
    page = httpx.get(f"{stack.gateway}/docs", trust_env=False)
    assert page.status_code == 200
    for word in ("https://", "http://", "//cdn"):
        assert word not in page.text
