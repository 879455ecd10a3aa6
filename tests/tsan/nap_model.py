#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every interleaving of a worker that goes to sleep (nap, dataplane/worker.c) and a producer that
fills its ring and wakes it (worker_wake), on x86: stores wait in a buffer, first in, first out,
and loads of others do not see them there (Owens, Sarkar, Sewell: A better x86 memory model).
The worker must never sleep beside a full ring. That naps end by themselves after half a
millisecond is left out: it would hide the loss, not prevent it.

Without either fence the loss must be found, or the model would prove nothing.
"""

import sys

WORKER = [("store", "napping", 1), ("fence",), ("skip_if", "ring", 2), ("sleep",),
          ("store", "napping", 0)]
PRODUCER = [("store", "ring", 1), ("fence",), ("skip_unless", "napping", 2), ("wake",)]


def load(state, thread, name):
    """A thread sees its own waiting stores, the newest first."""
    memory, buffers = dict(state[0]), state[1]
    for key, value in reversed(buffers[thread]):
        if key == name:
            return value
    return memory[name]


def steps(state, programs):
    """All states that one step leads to: an instruction of a thread, or its oldest store
    reaching memory."""
    memory, buffers, at = state
    for t, program in enumerate(programs):
        if buffers[t]:
            key, value = buffers[t][0]
            yield (tuple(sorted({**dict(memory), key: value}.items())),
                   tuple(b[1:] if i == t else b for i, b in enumerate(buffers)), at)
        if at[t] >= len(program):
            continue
        kind, *words = program[at[t]]
        then, waiting, now = 1, buffers[t], dict(memory)
        if kind == "store":
            waiting = (*waiting, tuple(words))
        elif kind == "fence" and waiting:
            continue
        elif kind == "skip_if" and load(state, t, words[0]):
            then = words[1]
        elif kind == "skip_unless" and not load(state, t, words[0]):
            then = words[1]
        elif kind == "wake":  # a system call: an eventfd is the kernel's, and seen at once
            now["event"] = 1
        elif kind == "sleep":
            if not now["event"]:
                continue
            now["event"] = 0
        yield (tuple(sorted(now.items())),
               tuple(waiting if i == t else b for i, b in enumerate(buffers)),
               tuple(a + then if i == t else a for i, a in enumerate(at)))


def sleeps_for_ever(worker, producer):
    """Is there a way to an end where the worker still sleeps? Also the number of states."""
    programs = (worker, producer)
    start = ((("event", 0), ("napping", 0), ("ring", 0)), ((), ()), (0, 0))
    seen, todo, lost = {start}, [start], False
    while todo:
        state = todo.pop()
        following = list(steps(state, programs))
        if not following and state[2][0] < len(worker):
            lost = True
        for s in following:
            if s not in seen:
                seen.add(s)
                todo.append(s)
    return lost, len(seen)


def without_fence(program):
    return [i for i in program if i[0] != "fence"]


def main():
    lost, n = sleeps_for_ever(WORKER, PRODUCER)
    print(f"nap and wake: {n} states, {'A WAKE-UP IS LOST' if lost else 'no wake-up is lost'}")
    ok = not lost
    for name, programs in (("the worker's", (without_fence(WORKER), PRODUCER)),
                           ("the producer's", (WORKER, without_fence(PRODUCER)))):
        found = sleeps_for_ever(*programs)[0]
        print(f"without {name} fence: {'a wake-up is lost' if found else 'NOTHING IS FOUND'}")
        ok = ok and found
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
