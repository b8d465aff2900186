"""The import time of the web function at a cold start, compared with Chalice, boto3 and PynamoDB alone.

One process responds to `GET /login` and prints every module that it loaded. Then new processes import these modules or
the three libraries, in turns. The medians of CPU time are compared, because CPU time hardly depends on the load of the
machine."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence

RUNS = 11
PEERS = ("chalice", "boto3", "pynamodb.models")
HEAVY = ("pyhanko", "pypdf", "pypdfium2", "reportlab", "PIL")

_RESPOND = """
import json, sys
from types import SimpleNamespace
before = set(sys.modules)
from bench.events import get
import app
response = app.app(get("/login"), SimpleNamespace(aws_request_id="bench"))
assert response["statusCode"] == 200, response
print(json.dumps([name for name in sys.modules if name not in before and not name.startswith("bench")]))
"""
_TIMED = """
import importlib, json, sys, time
names = json.loads(sys.stdin.read())
started = time.process_time()
for name in names:
    importlib.import_module(name)
print(time.process_time() - started)
"""


def run(environment: dict[str, str]) -> None:
    """Print the median CPU times (ms) of importing the web function and of importing the three libraries, and their
    ratio."""
    loaded = json.loads(run_python(_RESPOND, "", environment).splitlines()[-1])
    importable = [name for name in loaded if _is_module(name)]
    ours, peers = [], []
    for _ in range(RUNS):
        ours.append(_import_time(["app", *importable], environment))
        peers.append(_import_time(PEERS, environment))
    mine, theirs = statistics.median(ours), statistics.median(peers)
    print("Cold import of the web function (everything loaded before its first response, GET /login)")
    print(f"  ours                      {mine * 1000:6.0f} ms   {len(importable)} modules")
    print(f"  chalice, boto3, pynamodb  {theirs * 1000:6.0f} ms")
    print(f"  ratio                     {mine / theirs:6.2f}      (at most 1.3)")
    heavy = [name for name in HEAVY if any(module.split(".")[0] == name for module in loaded)]
    print(f"  PDF libraries among them  {', '.join(heavy) or 'none'}\n")


def _is_module(name: str) -> bool:
    """Return True if a new process can import the module of this name directly.

    Some names exist only after the import of a parent module."""
    return not name.startswith(("botocore.vendored.six.moves", "six.moves", "__mp_main__"))


def _import_time(names: Sequence[str], environment: dict[str, str]) -> float:
    return float(run_python(_TIMED, json.dumps(list(names)), environment).splitlines()[-1])


def run_python(code: str, text: str, environment: dict[str, str]) -> str:
    """Run Python code in a new process with `text` as its input, and return what it prints.

    End the benchmark if the code fails."""
    # A package in Lambda has compiled modules. Without them, each process here would compile the sources.
    environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout
