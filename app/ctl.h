/* SPDX-License-Identifier: BSD-3-Clause */
/* wgdp-ctl: shared by its files. */
#ifndef APP_CTL_H
#define APP_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2 };

#define CTL_ARGS_MAX 4
#define CTL_OPTIONS_MAX 8

/* An option of a command: --name VALUE, or --name alone. */
struct ctl_option {
	const char *name;
	bool takes_value;
	const char *value; /* after parsing: NULL when absent, "" for one without value */
};

struct ctl {
	const char *socket;
	bool json;
	/* of the command */
	const char *args[CTL_ARGS_MAX];
	unsigned n_args;
	struct ctl_option options[CTL_OPTIONS_MAX]; /* ends with a NULL name */
};

/* The option's value, or NULL. The name is one of the command's. */
const char *ctl_option(const struct ctl *c, const char *name);

/* Each returns the exit status. */
typedef int ctl_command(struct ctl *c);
ctl_command ctl_add_peer, ctl_set_peer, ctl_del_peer;
ctl_command ctl_show, ctl_drops, ctl_workers;
ctl_command ctl_genkey, ctl_pubkey, ctl_genpsk;

/* One line on stderr, "wgdp-ctl: ..."; returns CTL_REFUSED or CTL_USAGE. */
int ctl_refused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The name nearest to what was typed; NULL when none is near. Ends with NULL. */
const char *ctl_did_you_mean(const char *typed, const char *const *names);

/*
 * The key in base64 that path holds, or standard input for NULL; pipes will do.
 * Returns CTL_OK; or CTL_REFUSED, and the reason has been told.
 */
int ctl_read_key(const char *path, const char *field, uint8_t key[32]);

/* ---- the control socket ------------------------------------------------------- */

/*
 * One request to /v1 and these segments, which end with NULL and are
 * percent-encoded here; query may be NULL. body may be NULL and is consumed;
 * create_only refuses to replace what is there. *answer is a new reference, NULL
 * when there was no body. Returns CTL_OK; or CTL_REFUSED with
 * the reason told on stderr, and with --json the error's JSON on stdout.
 */
int ctl_request(struct ctl *c, const char *method, json_t *body, bool create_only, json_t **answer,
	const char *segments[], const char *query);

/* Print JSON for programs, and drop the reference. Returns CTL_OK. */
int ctl_print_json(json_t *json);

/* ---- tables for people -------------------------------------------------------- */

struct ctl_table;
/* Titles end with NULL; one that starts with '>' heads a column aligned right. */
struct ctl_table *ctl_table_create(const char *const *titles);
/* The next cell; a row is full when it has as many as there are titles. */
void ctl_cell(struct ctl_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_table_print(struct ctl_table *t);
void ctl_table_destroy(struct ctl_table *t);

#define CTL_HUMAN_SIZE 32
/* "1.50 MiB"; each returns buf. */
char *ctl_human_bytes(char buf[CTL_HUMAN_SIZE], uint64_t bytes);
/* "2m 5s ago", "never" for 0. */
char *ctl_human_age(char buf[CTL_HUMAN_SIZE], uint64_t epoch_ns);
char *ctl_human_duration(char buf[CTL_HUMAN_SIZE], uint64_t seconds);

#endif
