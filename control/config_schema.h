/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to config*.c. The table of all keys of wgdp.yaml drives their parsing,
 * their defaults and their help; what concerns one value alone is checked here,
 * what concerns several is config_rules.c's.
 */
#ifndef CONTROL_CONFIG_SCHEMA_H
#define CONTROL_CONFIG_SCHEMA_H

#include "control/config.h"
#include "control/yaml_tree.h"

/*
 * Fill *out, of which path is set, from the tree of its file. Returns 0; or -1
 * with the error, and *out holds what was read so far.
 */
int schema_read(const struct ynode *root, struct config *out, char *err, size_t err_size);

/*
 * Call tell for each key whose values differ, or each list whose lengths do:
 * path is as in errors, and live whether a reload may change it.
 */
typedef void schema_difference(void *arg, const char *path, bool live);
void schema_compare(
	const struct config *a, const struct config *b, schema_difference *tell, void *arg);

/* Free all values of *c but path, warnings. */
void schema_free(struct config *c);

/*
 * Everything about several values, about this machine and about other files:
 * reads the private keys, resolves the routes' ports, notes the warnings.
 * Returns 0, or -1 with the error.
 */
int rules_check(const struct ynode *root, struct config *c, char *err, size_t err_size);
int rules_check_files(const struct ynode *root, struct config *c, char *err, size_t err_size);

/* Where an error is: the deepest of these that exists gives the line. */
struct config_place {
	const char *section;
	int item; /* of a section that is a list, or -1 */
	const char *key; /* or NULL */
	int member; /* of a key that is a list, or -1 */
};

int config_error(const struct ynode *root, const struct config *c, const struct config_place *place,
	char *err, size_t err_size, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Out of memory, the warning is lost. */
void config_warn(const struct ynode *root, struct config *c, const struct config_place *place,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
