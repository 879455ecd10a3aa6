# SPDX-License-Identifier: BSD-3-Clause
"""Runs the suites behind scripts/test, those that mostly wait beside those that compute."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
OUT = REPO / "build" / "test-results"
START = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - START:4.0f} s] {text}", flush=True)


def sh(*argv, **kw):
    return subprocess.run([str(a) for a in argv], cwd=REPO, **kw).returncode


class Tally:
    """What passed and failed, and the names of the latter."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def add(self, name, ok):
        if ok:
            self.passed += 1
        else:
            self.failed.append(name)

    def meson(self, build, *options):
        """Run a build's tests; meson leaves a line of JSON for each."""
        log = REPO / build / "meson-logs" / "testlog.json"
        log.unlink(missing_ok=True)
        status = sh("meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", *options,
                    env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1",
                         "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        for row in rows:
            self.add(f"{build}: {row['name']}", row["result"] in ("OK", "EXPECTEDFAIL"))
        if not rows or (status != 0 and all(r["result"] == "OK" for r in rows)):
            self.add(f"{build}: meson test", False)

    def junit(self, name, status):
        """A pytest run's results; a run that ended without any counts as one failure."""
        file = OUT / f"{name}.xml"
        cases = list(ET.parse(file).iter("testcase")) if file.exists() else []
        bad = 0
        for case in cases:
            # A skip is no pass: what was not tried is not known to work.
            ok = not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))
            bad += not ok
            self.add(f"interop: {case.get('classname')}.{case.get('name')}", ok)
        if not cases or (status != 0 and not bad):
            self.add(f"interop: {name} ended with {status}", False)


def build(directory, *options, targets=()):
    if not (REPO / directory / "build.ninja").exists():
        if sh("meson", "setup", directory, *options, stdout=subprocess.DEVNULL) != 0:
            return False
    return sh("ninja", "--quiet", "-C", directory, *targets) == 0


def threads(tally, long):
    """test_threads under ThreadSanitizer, in a build of its own."""
    name = "tests/tsan/test_threads"
    ok = build("build-tsan", "-Db_sanitize=thread", "-Db_lundef=false", "-Dwerror=false",
               "-Dbuildtype=debugoptimized", targets=[name])
    env = {**os.environ, "WGDP_STRESS_SECONDS": "60" if long else "2",
           "TSAN_OPTIONS": f"suppressions={REPO}/tests/tsan/suppressions.txt"}
    # Its shadow of the memory wants less randomness than some kernels give.
    tally.add("build-tsan: test_threads",
              ok and sh("setarch", "-R", f"build-tsan/{name}", env=env) == 0)


def pytest(name, *words, env=None):
    """Started, not waited for; its output goes to a file."""
    log = open(OUT / f"{name}.log", "wb")
    (OUT / f"{name}.xml").unlink(missing_ok=True)
    argv = ["/usr/bin/python3", "-m", "pytest", "-q", f"--junitxml={OUT / name}.xml", *words]
    return subprocess.Popen(argv, cwd=REPO / "tests" / "interop", stdout=log,
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                            env={**os.environ, **(env or {})})


def finish(tally, name, run):
    status = run.wait()
    print((OUT / f"{name}.log").read_text(errors="replace"), end="", flush=True)
    tally.junit(name, status)


def main():
    long = "--long" in sys.argv
    tally = Tally()
    say("release build")
    if not build("build"):
        print("0 passed, 1 failed")
        return 1
    OUT.mkdir(exist_ok=True)
    say("unit tests")
    tally.meson("build")

    waits = pytest("waits", "-m", "waits")  # minutes of the protocol's timers, little CPU
    guest = pytest("guest", "-m", "guest")  # with the one Linux guest
    say("interop tests")
    fast = "not waits and not guest and not alone"
    # Most of their time is waiting too: two modules at a time.
    finish(tally, "interop", pytest("interop", "-n", "2", "--dist", "loadfile", "-m",
                                    fast if long else fast + " and not long"))
    say("unit tests under ASan and UBSan")
    # The sanitizers make gcc warn of what cannot be; the release build has -Werror.
    if build("build-asan", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=false",
             "-Dbuildtype=debugoptimized"):
        # What audits the machine code is about the code that ships, not about sanitizers'.
        tally.meson("build-asan", "--no-suite", "ct", "--no-suite", "crash")
        # What is leaked from start to stop makes the exit status another.
        finish(tally, "leaks", pytest("leaks", "test_stop.py", "-k", "traffic or sigint", env={
            "WGDP_BUILD": str(REPO / "build-asan"), "WGDP_LEAKS": "1",
            "ASAN_OPTIONS": "detect_leaks=1"}))
    else:
        tally.add("build-asan: build", False)
    say("threads under ThreadSanitizer")
    threads(tally, long)
    say("fuzz harnesses: their seeds, and a few seconds each")
    for harness in ("rx", "handshake", "http", "yaml", "ctl"):
        tally.add(f"fuzz: {harness}", sh("scripts/fuzz", "--check", harness) == 0)
    say("interop tests with the Linux guest")
    finish(tally, "guest", guest)
    say("what waits for the protocol's timers")
    finish(tally, "waits", waits)
    if long:
        say("what wants the whole machine")
        finish(tally, "alone", pytest("alone", "-m", "alone"))
        say("a thousand power cuts")
        tally.add("crash_store", sh("build/tests/crash/crash_store",
                                    "build/tests/crash/libpowercut.so", 1000) == 0)
        say("mutants")
        tally.add("mutants", sh("/usr/bin/python3", "scripts/mutants.py") == 0)

    for name in tally.failed:
        print(f"FAILED {name}")
    say("done")
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
