/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to config*.c: the types of the values in wgdp.yaml, each checked alone. */
#ifndef CONTROL_CONFIG_VALUE_H
#define CONTROL_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/yaml_tree.h"

enum value_type {
	VALUE_UINT, /* uint16_t or uint32_t, by size */
	VALUE_BOOL, /* bool */
	VALUE_CHOICE, /* index into choices; bool or an enum, by size */
	VALUE_NAME, /* char[CONFIG_NAME_SIZE] */
	VALUE_TEXT, /* char * */
	VALUE_PATH, /* char *, resolved */
	VALUE_OWN, /* struct ip_prefix: an own address, with its network's length */
	VALUE_NET, /* struct ip_prefix: a network */
	VALUE_ADDR, /* struct ip_addr */
	VALUE_LOOPBACK, /* struct ip_endpoint, that only this machine reaches */
	VALUE_MODE, /* mode_t */
	VALUE_GROUP, /* gid_t; and a bool in count_offset tells that there is one */
	VALUE_USER, /* uid_t; likewise */
};

struct key_rule {
	const char *name;
	enum value_type type;
	size_t offset, size; /* of the field; of a member, when it is a list */
	uint32_t min, max; /* of a number; of a text's length */
	const char *const *choices;
	bool list;
	bool live; /* a reload applies it; all else takes a restart */
	size_t count_offset; /* unsigned number of members */
	uint32_t n_min, n_max;
	/* As it would be written; a list's only member. NULL when required, "" for none. */
	const char *fallback;
	const char *help;
};

#define VALUE_DESCRIPTION_SIZE 192
/* What a value should look like, for errors and help. */
const char *value_describe(char buf[VALUE_DESCRIPTION_SIZE], const struct key_rule *k);

/*
 * A scalar that is not null into *field; file is the configuration's, for paths.
 * False when it is not as described. A char * that is NULL then is out of memory.
 */
bool value_read(const struct key_rule *k, const struct ynode *node, const char *file, void *field);

#endif
