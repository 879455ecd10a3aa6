# SPDX-License-Identifier: BSD-3-Clause
"""Whoever floods the gateway gets nothing: each of its frames is counted under a reason, those
who are connected lose nothing, and who is new gets in. floods.py draws the topology.

With --long each flood runs for a minute, as fast as it can be sent.
"""

import pytest

from floods import HEAD, Scene, row
from lab import wait_until

SECONDS, RATE = 2, 10000           # beside everything else that a busy machine does
LONG_SECONDS = 60
NAMES = ["mac1-bad", "mac1-good", "mac1-good-one", "initiation-replay", "data-random",
         "data-forged", "data-replay", "fragments", "arp", "arp-us", "sweep-tunnel", "sweep-peer",
         "sweep-lan"]


@pytest.fixture(scope="module")
def scene(lab):
    made = Scene(lab).start()
    assert [f.name for f in made.floods()] == NAMES
    yield made
    if made.gateway.alive():
        assert made.gateway.stop() == 0


@pytest.fixture(scope="module")
def quiet(scene):
    """The same setup without a flood; also what makes it warm."""
    return scene.measure(None, SECONDS, 0)


@pytest.mark.parametrize("name", NAMES)
def test_flood(scene, quiet, name):
    flood = scene.flood(name)
    sent, accounted, drops = scene.count_exactly(flood)
    # What waited inside may be dropped later: never more than was sent.
    assert sent - flood.kept <= accounted <= sent, drops

    result = scene.measure(flood, SECONDS, RATE)
    print(HEAD, row(quiet), row(result), sep="\n")
    assert result.lost <= quiet.lost, row(result)
    assert any(ms is not None for ms in result.connect_ms), row(result)
    # An arena of the allocator more is no leak: 50 000 times the smallest allocation would be.
    assert result.rss_kib < 1024, row(result)
    wait_until(lambda: scene.mbufs() <= flood.kept + 1024, 10, "packet buffers come back")


@pytest.mark.alone
@pytest.mark.parametrize("name", NAMES)
def test_a_minute_at_full_rate(scene, name):
    quiet = scene.measure(None, LONG_SECONDS / 6, 0)
    result = scene.measure(scene.flood(name), LONG_SECONDS, 0)
    print(HEAD, row(quiet), row(result), sep="\n")
    assert result.lost <= quiet.lost, row(result)
    assert all(ms is not None and ms < 2000 for ms in result.connect_ms), row(result)
    assert result.rss_kib < 1024, row(result)
