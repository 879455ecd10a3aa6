/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys as base64 text, without secret-dependent branches or look-ups; pure. */
#ifndef CONTROL_KEY_H
#define CONTROL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_LEN 32
#define KEY_STRLEN 45 /* standard base64, padded, as wg prints it; with terminator */
#define KEY_URL_STRLEN 44 /* URL-safe base64, without padding; with terminator */

/*
 * 32 bytes in standard base64, padded, canonical, and nothing around it: how wg
 * writes keys, and how files and requests hold them. Returns false, with out
 * zeroed, on anything else.
 */
bool key_parse(uint8_t out[KEY_LEN], const char *s);
/* The same in standard or URL-safe base64, padded or not: keys that identify, in URLs. */
bool key_parse_any(uint8_t out[KEY_LEN], const char *s);

/* Each writes a terminated string and returns buf. */
char *key_format(char buf[KEY_STRLEN], const uint8_t key[KEY_LEN]);
char *key_format_url(char buf[KEY_URL_STRLEN], const uint8_t key[KEY_LEN]);

/*
 * Could s be meant as a key: 43 characters of either base64 alphabet, and at
 * most one '=' behind them. A name never looks like this, so that a peer's id
 * is the one or the other.
 */
bool key_shaped(const char *s);

/*
 * A file that holds one key and at most white space behind it, as `wg genkey`
 * writes. *exposed, when not NULL, tells whether others than owner and group can
 * read it. Returns 0; or -1 with the reason in err (without the path).
 */
int key_read_file(
	const char *path, uint8_t out[KEY_LEN], bool *exposed, char *err, size_t err_size);

#endif
