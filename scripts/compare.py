# SPDX-License-Identifier: BSD-3-Clause
"""The comparison behind scripts/compare; see tests/interop/world.py for the topology."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "interop"))
from lab import Lab, LabError, iperf3, set_stage  # noqa: E402
from world import LAN_HOST4, World  # noqa: E402

PROGRAMS = ("ip", "ss", "ethtool", "ping", "iperf3", "wg", "wireguard-go")
GATEWAYS = ("wgdp", "wireguard-go")
# (streams, from the LAN to the client)
CASES = [(n, r) for n in (1, 8) for r in (False, True)]


def label(case):
    return f"{case[0]} stream{'s' if case[0] > 1 else ''} {'down' if case[1] else 'up'}"


def set_up(kind, number):
    directory = tempfile.mkdtemp(prefix="wgdp-compare-")
    lab = Lab(f"wgc{os.getpid()}x{number}-", directory)
    world = World(lab, lab.name("g0"), (lab.name("c1"), lab.name("c2")))
    world.start_wgdp() if kind == "wgdp" else world.start_go()
    world.start_clients()
    lab.iperf3_server(world.lan)
    return world


def delta(before, after):
    """Cycles and packets by stage over all workers, and the workers' own sums."""
    stages, sums = {}, {}
    for sign, snapshot in ((-1, before), (1, after)):
        for w in snapshot["workers"]:
            for k in ("busy_cycles", "idle_cycles", "rx_packets", "tx_packets"):
                sums[k] = sums.get(k, 0) + sign * w[k]
            for s in w["stages"]:
                cell = stages.setdefault(s["name"], {"cycles": 0, "packets": 0})
                cell["cycles"] += sign * s["cycles"]
                cell["packets"] += sign * s["packets"]
    return stages, sums


def measure(worlds, runs, seconds):
    """Interleaved, so that what else the machine does meets both alike."""
    bits = {(g, c): [] for g in GATEWAYS for c in CASES}
    stages = {}
    for n in range(runs):
        for case in CASES:
            # Who goes first alternates.
            for kind in GATEWAYS if n % 2 == 0 else reversed(GATEWAYS):
                world = worlds[kind]
                before = world.gateway.api("GET", "/v1/workers") if world.gateway else None
                got = iperf3(world.c1, LAN_HOST4, seconds, reverse=case[1], streams=case[0],
                             extra=("-O", "1"))
                bits[kind, case].append(got)
                if before:
                    stages[case] = delta(before, world.gateway.api("GET", "/v1/workers"))
                print(f"run {n + 1}/{runs}  {label(case):15}  {kind:12}  {got / 1e6:8.0f} Mbit/s",
                      flush=True)
    return bits, stages


def report(bits, stages):
    rows = []
    print(f"\n{'':16}{'wgdp':>10}{'wireguard-go':>14}{'ratio':>8}   Mbit/s, medians")
    for case in CASES:
        ours, theirs = (median(bits[g, case]) for g in GATEWAYS)
        rows.append({"streams": case[0], "direction": "down" if case[1] else "up",
                     "wgdp_bps": ours, "wireguard_go_bps": theirs, "ratio": ours / theirs,
                     "wgdp_runs": bits["wgdp", case], "wireguard_go_runs":
                     bits["wireguard-go", case], "stages": stages[case][0],
                     "worker": stages[case][1]})
        print(f"{label(case):16}{ours / 1e6:10.0f}{theirs / 1e6:14.0f}{ours / theirs:8.2f}")
    print("\nwgdp's workers, last run of each: TSC cycles a packet")
    for case in CASES:
        by_stage, sums = stages[case]
        packets = max(1, sums["rx_packets"])
        cells = ", ".join(f"{name} {c['cycles'] / c['packets']:.0f}"
                          for name, c in by_stage.items() if c["packets"])
        share = sums["busy_cycles"] / max(1, sums["busy_cycles"] + sums["idle_cycles"])
        print(f"{label(case):16}busy {sums['busy_cycles'] / packets:.0f} a received packet "
              f"({share:.0%} of the time): {cells}")
    return rows


def main():
    parse = argparse.ArgumentParser(prog="scripts/compare")
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--seconds", type=int, default=5)
    parse.add_argument("--json", metavar="FILE")
    args = parse.parse_args()
    if not set_stage("compare", PROGRAMS, "wgc"):
        return 1

    worlds = {}
    try:
        for n, kind in enumerate(GATEWAYS):
            worlds[kind] = set_up(kind, n)
        rows = report(*measure(worlds, args.runs, args.seconds))
        if args.json:
            Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    except LabError as e:
        print(f"compare: {e}", file=sys.stderr)
        return 1
    finally:
        for w in worlds.values():
            w.lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
