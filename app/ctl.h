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
	bool socket_named; /* on the command line or in the environment */
	bool json;
	/* of the command */
	const char *args[CTL_ARGS_MAX];
	unsigned n_args;
	char resolved[64]; /* the peer's name that args[1] turned out to mean */
	struct ctl_option options[CTL_OPTIONS_MAX]; /* ends with a NULL name */
};

/* The option's value, or NULL. The name is one of the command's. */
const char *ctl_option(const struct ctl *c, const char *name);

/* Each returns the exit status. */
typedef int ctl_command(struct ctl *c);
ctl_command ctl_add_peer, ctl_set_peer, ctl_del_peer;
ctl_command ctl_show, ctl_drops, ctl_workers;
ctl_command ctl_genkey, ctl_pubkey, ctl_genpsk;
ctl_command ctl_client_config, ctl_import_conf, ctl_doctor, ctl_completion;

/* The table of commands; the last one has no name. */
struct ctl_command_row {
	const char *name;
	const char *usage;
	const char *help;
	ctl_command *run;
	unsigned min_args, max_args;
	struct ctl_option options[CTL_OPTIONS_MAX];
};
extern const struct ctl_command_row ctl_commands[];

/* What could stand for the last of these words, a line each. */
int ctl_complete(struct ctl *c, int n, char **words);

ctl_command ctl_events, ctl_reload;

/* One line on stderr, "wgdp-ctl: ..."; returns CTL_REFUSED or CTL_USAGE. */
int ctl_refused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Likewise, where the command goes on. */
void ctl_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The name nearest to what was typed; NULL when none is near. Ends with NULL. */
const char *ctl_did_you_mean(const char *typed, const char *const *names);

/* A new one, of the form that X25519 wants. */
void ctl_make_private_key(uint8_t key[32]);
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

/*
 * The same, but nothing is told of a refusal: *status is HTTP's, and *answer the
 * error's JSON then, for the caller to judge and ctl_tell_error to tell.
 * CTL_REFUSED, told, only where there was no answer at all.
 */
int ctl_try(struct ctl *c, const char *method, json_t *body, bool create_only, json_t **answer,
	const char *segments[], const char *query, long *status);
/* Why nobody answers on the socket, and what to do. Returns CTL_REFUSED. */
int ctl_tell_unreachable(const char *path);
/* Consumes answer. Returns CTL_REFUSED. */
int ctl_tell_error(struct ctl *c, long status, json_t *answer);

/* ---- what is meant by a name --------------------------------------------------- */

/*
 * A request to the peer that args[0] and args[1] name, or to a part of it (its
 * "drops"; else NULL), by name, key or a file that
 * holds its public key; or by an unambiguous beginning of its name or key (of its
 * key only, and 6 characters of it, where the method changes something). A
 * refusal for want of such a peer tells of similar names. body is consumed.
 */
int ctl_peer_request(
	struct ctl *c, const char *method, const char *part, json_t *body, json_t **answer);
/* All pages of the interface's peers, as one list. */
int ctl_get_peers(struct ctl *c, const char *iface, json_t **peers);
/* The refusal, and which interfaces there are. */
void ctl_tell_no_interface(struct ctl *c, const char *message);
/* A public key in base64, or a file that holds one. Returns CTL_OK, or CTL_REFUSED and told. */
int ctl_public_key(const char *typed, uint8_t key[32]);

/* ---- JSON ------------------------------------------------------------------------ */

/* "-" where there is no such text. */
const char *ctl_text(const json_t *object, const char *name);
uint64_t ctl_number(const json_t *object, const char *name);
/* "a, b, c"; to be freed. At most max of them are named. */
char *ctl_join(const json_t *array, size_t max);

/* ---- tables for people -------------------------------------------------------- */

enum ctl_tone { CTL_PLAIN, CTL_TITLE, CTL_GOOD, CTL_WARN, CTL_BAD, CTL_FAINT };

/* NO_COLOR, TERM and whether it is a terminal at all. */
bool ctl_colour(int fd);
/* Around coloured text on standard output; empty without colour. */
const char *ctl_tone_start(enum ctl_tone tone);
const char *ctl_tone_end(enum ctl_tone tone);
/* 0 when standard output is no terminal. */
unsigned ctl_terminal_lines(void);

struct ctl_table;
/* Titles end with NULL; one that starts with '>' heads a column aligned right. */
struct ctl_table *ctl_table_create(const char *const *titles);
/* The next cell; a row is full when it has as many as there are titles. */
void ctl_cell_tone(struct ctl_table *t, enum ctl_tone tone, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define ctl_cell(t, ...) ctl_cell_tone((t), CTL_PLAIN, __VA_ARGS__)
/* On a terminal: no wider than it. */
void ctl_table_print(struct ctl_table *t);
void ctl_table_destroy(struct ctl_table *t);

#define CTL_CELL_MIN 10 /* narrower, text says nothing any more */
/*
 * Narrow columns of these widths until they fit into room, with two blanks
 * between: first those that are not fixed (numbers are), the widest first; then
 * the last columns go. Returns how many columns remain, at least one.
 */
unsigned ctl_table_layout(unsigned *width, const bool *fixed, unsigned n, unsigned room);

/*
 * Show once, or with --watch every second or slower (so that showing is a small
 * part of what the gateway does). fetch fills *now; print may use `before`, which
 * is NULL the first time, and the time between the two.
 */
struct ctl_view {
	int (*fetch)(struct ctl *c, json_t **now);
	void (*print)(struct ctl *c, const json_t *now, const json_t *before, double seconds);
};
int ctl_view(struct ctl *c, const struct ctl_view *view);

#define CTL_HUMAN_SIZE 32
/* "1.50 MiB"; each returns buf. */
char *ctl_human_bytes(char buf[CTL_HUMAN_SIZE], uint64_t bytes);
/* "12.5 Mbit/s" */
char *ctl_human_rate(char buf[CTL_HUMAN_SIZE], uint64_t bytes, double seconds);
/* "2m 5s ago", "never" for 0. */
char *ctl_human_age(char buf[CTL_HUMAN_SIZE], uint64_t epoch_ns);
char *ctl_human_duration(char buf[CTL_HUMAN_SIZE], uint64_t seconds);
uint64_t ctl_age_s(uint64_t epoch_ns);

#endif
