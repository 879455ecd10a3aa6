# SPDX-License-Identifier: BSD-3-Clause
"""hairpin: deny keeps clients apart, and says so; the LAN stays reachable.

    c1 ====== gw (hairpin: deny) ------ lan
    c2 ========|
"""

import pytest

from world import LAN_HOST4


@pytest.fixture(scope="module")
def denying(bare):
    bare.start_wgdp(config=bare.config(hairpin="deny"))
    bare.start_clients()
    return bare


@pytest.mark.parametrize("dest", ("10.8.0.3", "fd00:8::3"))
def test_clients_are_kept_apart(denying, dest):
    before = denying.gateway.drops("hairpin_denied")
    got, _ = denying.c1.ping(dest, 5)
    assert got == 0
    assert denying.gateway.drops("hairpin_denied") == before + 5


def test_lan_stays_reachable(denying):
    denying.expect_ping(denying.c1, LAN_HOST4, 5)
    denying.expect_ping(denying.c2, LAN_HOST4, 5)
    denying.expect_ping(denying.lan, "10.8.0.3", 5)
