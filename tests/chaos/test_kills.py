"""Each service killed once with -9 during a load: every row counts once, and all holds."""

import json
import os
import signal
import time

from contracts.services import SERVICES
from heli.demo.province.world import credit_code
from heli.testing import Stack
from kit.testing import covers

ROWS = 20_000
DEAD_S = 60


@covers("R15.4")
def test_a_kill_loses_no_accepted_row_and_doubles_no_effect(stack: Stack) -> None:
    stack.load(stack.admin, "regions", [{"id": "000000", "name": "全国"}])
    rows = [
        {"code": credit_code(50_000_000 + n), "name": f"示例企业{n}（示例）"} for n in range(ROWS)
    ]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    job = stack.admin.upload("entities", data, media="application/x-ndjson", key="chaos")
    for service in SERVICES:
        pid = stack.pid(service.name)
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + DEAD_S
        while stack.pid(service.name) in {0, pid}:
            assert time.monotonic() < end, f"{service.name} did not come back"
            time.sleep(0.05)
    done = stack.admin.wait_job(job["id"], seconds=240)
    assert (done["status"], done["accepted"], done["rejected"]) == ("done", ROWS, 0)
    verified = stack.heli("verify", "--json")
    answer = json.loads(verified.stdout)
    assert answer["ok"], [check for check in answer["checks"] if not check["ok"]]
