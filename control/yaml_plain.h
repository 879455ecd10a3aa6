/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to yaml_tree.c: the plain form of a long list, such as wgdp itself
 * writes, read several times as fast as libyaml does. What is not of this form,
 * by whatever it may be, is left to libyaml; so are all errors of syntax.
 *
 *   # comments and empty lines anywhere
 *   peers:
 *     - name: "n1"                    two blanks, a dash; each value on its line
 *       allowed_ips: ["a", "b"]       in double quotes without escapes, or a plain
 *       persistent_keepalive: 25      word; printable ASCII throughout
 */
#ifndef CONTROL_YAML_PLAIN_H
#define CONTROL_YAML_PLAIN_H

#include "control/yaml_tree.h"

/* Is it all of this form, with key as the list's? */
bool yaml_plain_fits(const char *text, size_t size, const char *key);

/*
 * As ytree_read_list, of a text that fits. It is cut into strings where it
 * stands: nodes point into it and live until fn returns. -2 is out of memory.
 */
int yaml_plain_read(char *text, size_t size, const char *key, ytree_member_fn fn, void *arg,
	char *err, size_t err_size);

#endif
