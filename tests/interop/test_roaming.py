# SPDX-License-Identifier: BSD-3-Clause
"""A client that moves is answered at its next packet, and the endpoint follows.

    c1 (another port, address, family, network) ====== gw ------ lan
"""

from lab import wait_until
from world import LAN_HOST4, PORT


def shown_endpoint(world):
    return world.gateway.show(world.wg, "c1")["endpoint"]


def test_new_port(world):
    for port in (40001, 40002):
        world.clients["c1"].set("listen-port", port)
        world.expect_ping(world.c1, LAN_HOST4)
        assert shown_endpoint(world) == f"192.0.2.2:{port}"


def move(world, old, new, port):
    """Another address on the same cable. wireguard-go clings to its old source address until it
    binds anew, so it gets a new port as well."""
    world.c1.ip(f"addr del {old}/24 dev eth0")
    world.c1.ip(f"addr add {new}/24 dev eth0")
    world.clients["c1"].set("listen-port", port)


def test_new_address(world):
    move(world, "192.0.2.2", "192.0.2.99", 40003)
    world.expect_ping(world.c1, LAN_HOST4)
    assert shown_endpoint(world) == "192.0.2.99:40003"
    world.expect_ping(world.lan, "10.8.0.2")
    move(world, "192.0.2.99", "192.0.2.2", 40004)
    world.expect_ping(world.c1, LAN_HOST4)
    assert shown_endpoint(world) == "192.0.2.2:40004"


def test_new_family(world):
    c1 = world.clients["c1"]
    c1.peer(world.public_key, endpoint=world.endpoint("c1", 6))
    world.expect_ping(world.c1, LAN_HOST4)
    assert shown_endpoint(world).startswith("[2001:db8:1::2]:")
    c1.peer(world.public_key, endpoint=world.endpoint("c1", 4))
    world.expect_ping(world.c1, LAN_HOST4)
    assert shown_endpoint(world).startswith("192.0.2.2:")


def test_answers_leave_from_the_address_that_was_used(world):
    """The gateway has several addresses; a client hears from the one that it talks to."""
    c1 = world.clients["c1"]
    other = f"198.51.100.1:{PORT}"
    world.c1.ip("route add 198.51.100.0/24 via 192.0.2.1")
    c1.peer(world.public_key, endpoint=other)
    world.expect_ping(world.c1, LAN_HOST4, 3)
    assert c1.dump()[1][world.public_key]["endpoint"] == other
    c1.peer(world.public_key, endpoint=world.endpoint("c1", 4))
    world.expect_ping(world.c1, LAN_HOST4)


def test_log_says_so(world):
    wait_until(lambda: "roam" in world.gateway.log.read_text() or
               "endpoint" in world.gateway.log.read_text(), 5, "a log line on roaming")
