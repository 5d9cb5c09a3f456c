"""Bytes that are meant to break something: each has a clear answer, and memory stays flat."""

import io
import os
import socket
import statistics
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from contracts.services import SERVICES
from heli.client import ApiProblem
from heli.testing import Stack
from kit.clock import elapsed_s
from kit.limits import HEADER_BYTES

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MIB = 1024**2
MOST_RISE = 64 * MIB
READ_BYTES = 256 * 1024  # what asyncio takes from a socket at a time
NIGHTLY = "HELI_FUZZ_CASES" in os.environ  # noqa: TID251 - set by make nightly


def peak(pid: int) -> int:
    """Read the highest resident size since it was last set back, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def set_back(pid: int) -> int:
    """Let the peak begin anew; gives the resident size now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "utf-8")
    return peak(pid)


@pytest.fixture
def flat(stack: Stack) -> Iterator[None]:
    """Hold every service to a rise of less than 64 MiB while the test runs."""
    before = {one.name: set_back(stack.pid(one.name)) for one in SERVICES}
    yield
    risen = {name: peak(stack.pid(name)) - size for name, size in before.items()}
    assert max(risen.values()) < MOST_RISE, {name: size // MIB for name, size in risen.items()}


def zeros(size: int, start: bytes = b"PK\x03\x04") -> Iterator[bytes]:
    yield start
    for _ in range(size // MIB):
        yield bytes(MIB)


def sent(stack: Stack, path: str, content: bytes | Iterator[bytes], media: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {stack.admin.token()}", "Content-Type": media}
    with httpx.Client(trust_env=False, timeout=120) as http:
        return http.post(f"{stack.gateway}/api/v1{path}", content=content, headers=headers)


@pytest.mark.usefixtures("flat")
def test_a_workbook_of_200_mib_is_refused_with_its_limit(stack: Stack) -> None:
    answer = sent(stack, "/entities:import", zeros(200 * MIB), XLSX)
    assert (answer.status_code, answer.json()["limit"]) == (413, 50 * MIB)
    assert answer.json()["got"] > 50 * MIB


@pytest.mark.usefixtures("flat")
def test_a_zip_bomb_that_poses_as_a_workbook_fails_its_job_with_a_reason(stack: Stack) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(400):
                sheet.write(b" " * MIB)
    job = stack.admin.upload("entities", packed.getvalue(), media=XLSX)
    ended = stack.admin.wait_job(job["id"], seconds=120)
    assert ended["status"] == "failed"
    assert ended["fault"]["code"] in {"workbook-too-large", "workbook-unreadable"}


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"[" * 10_000 + b"]" * 10_000, 422, "json-too-deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 422, "json-too-deep"),
        (b'{"id": "\xc0\xaf"}', 400, "body-not-utf8"),
        (b'{"id": "' + b"x" * MIB + b'"}', 413, "too-large"),
    ],
)
def test_json_that_no_parser_should_meet_is_refused_by_name(
    stack: Stack, content: bytes, status: int, code: str
) -> None:
    answer = sent(stack, "/regions", content, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def raw(stack: Stack, request: bytes) -> bytes:
    """Send bytes as they are; gives the answer until the other side closes."""
    host, _, port = stack.gateway.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):  # what was not read is answered with a reset as well
            while part := connection.recv(65_536):
                answer += part
        return answer


@pytest.mark.usefixtures("flat")
def test_a_body_that_lies_about_its_length_is_answered_and_harms_no_other(stack: Stack) -> None:
    head = (
        f"POST /api/v1/regions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {stack.admin.token()}\r\nContent-Type: application/json\r\n"
    ).encode()
    longer = raw(stack, head + b'Content-Length: 3\r\n\r\n{"id": "smuggled", "name": "x"}')
    both = raw(stack, head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    headers = raw(stack, head + b"X-Long: " + b"x" * (HEADER_BYTES + READ_BYTES) + b"\r\n\r\n")
    assert longer.startswith(b"HTTP/1.1 422")
    assert both.startswith((b"HTTP/1.1 400", b"HTTP/1.1 422"))
    assert headers.startswith(b"HTTP/1.1 400")
    for _ in range(20):  # no connection behind the gateway waits for the rest of a body
        stack.admin.get("/regions")
    with pytest.raises(ApiProblem):
        stack.admin.get("/regions/smuggled")


def p99(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begun = elapsed_s()
        call()
        taken.append(elapsed_s() - begun)
    return statistics.quantiles(taken, n=100)[-1]


@pytest.mark.skipif(not NIGHTLY, reason="a measurement: runs in make nightly")
@pytest.mark.usefixtures("flat")
def test_reads_beside_bad_input_are_at_most_a_fifth_slower(stack: Stack) -> None:
    def read() -> object:
        return stack.admin.get("/me")

    clean = p99(read, 1000)
    with ThreadPoolExecutor(1) as pool:
        bad = pool.submit(sent, stack, "/entities:import", zeros(200 * MIB), XLSX)
        beside = p99(read, 1000)
        bad.result()
    assert beside <= 1.2 * clean, (clean, beside)
