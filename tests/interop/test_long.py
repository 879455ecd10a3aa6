# SPDX-License-Identifier: BSD-3-Clause
"""Ten minutes of silence: the keys are wiped, and the next packet starts a new session.

    c1 ====== gw ------ lan
"""

import time

import pytest

from lab import Sniffer, wait_until
from world import LAN_HOST4, PORT

pytestmark = pytest.mark.long


def test_keys_are_wiped_and_sessions_come_back(world):
    world.expect_ping(world.c1, LAN_HOST4, 3)
    sniffer = Sniffer(world.c1, "eth0")
    time.sleep(500)
    wait_until(lambda: world.gateway.show(world.wg, "c1")["session"] is None, 60,
               "the session is wiped 540 s after it began", every=1)
    frames = [f for f in sniffer.wireguard(PORT) if f[0] is False]
    assert frames == [], "the gateway sent something on an idle tunnel"
    sniffer.close()
    # The LAN speaks first: the gateway still knows the endpoint.
    world.expect_ping(world.lan, "10.8.0.2", 3, wait=6)
    world.expect_ping(world.c2, LAN_HOST4, 3, wait=6)
