import json
import subprocess
import sys
from pathlib import Path

import pytest
from service_process import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])  # with one the event loop answers by itself
def test_hostile_requests_make_the_service_neither_fail_nor_fall_nor_grow(threads: str, bundle: Path):
    command = [sys.executable, "infra/bench/fuzz.py", str(bundle), "--requests", "500", "--seed", "7", "--threads", threads]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    told = json.loads(done.stdout)
    assert (done.returncode, told["failures"]) == (0, []), done.stderr
    assert told["requests"] >= 480
    assert {"200", "400", "413", "422"} <= set(told["answers"])  # it reached the model, and every way of refusing
