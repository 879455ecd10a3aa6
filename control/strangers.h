/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients whose key no peer has: a program of the operator's is asked whether they
 * may come in (interfaces[].unknown_peer_hook), and those that it lets in go
 * again when they fall silent. docs/control.md has the protocol. Management thread.
 *
 * Bounded throughout: so many questions at once and a second, a time for an
 * answer and a size, and a pause after a no. What is not asked is not
 * remembered: clients try again every 5 s.
 */
#ifndef CONTROL_STRANGERS_H
#define CONTROL_STRANGERS_H

struct management;
struct strangers;

struct strangers *strangers_create(struct management *m);
/* Nobody is asked any more. NULL is fine. */
void strangers_destroy(struct strangers *s);
/* There may be new events. NULL is fine. */
void strangers_turn(struct strangers *s);

#endif
