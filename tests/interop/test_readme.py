# SPDX-License-Identifier: BSD-3-Clause
"""README's examples of curl and jq, as they stand there.

    c1 ====== gw (wgdp, control.sock)
"""

import pytest

from lab import REPO, run

LINES = [line for line in (REPO / "README.md").read_text().splitlines()
         if line.startswith("curl ")]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_line(world, line):
    """With this gateway's socket, and c1 in alice's place. It does something, and says it."""
    ours = (line.replace("/run/wgdp/control.sock", str(world.gateway.socket))
            .replace("/interfaces/wg0/", f"/interfaces/{world.wg}/").replace("/alice", "/c1"))
    world.c1.ping("10.8.0.66")  # nobody's: something to be dropped
    done = run(["bash", "-o", "pipefail", "-c", ours], check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("", "null"), done.stdout


def test_there_are_such_lines():
    assert len(LINES) >= 5
