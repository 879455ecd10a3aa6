/* SPDX-License-Identifier: BSD-3-Clause */
/* genkey, pubkey, genpsk: no gateway needed. */
#include "app/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"

int
ctl_read_key(const char *path, const char *field, uint8_t key[KEY_LEN])
{
	FILE *f = path != NULL ? fopen(path, "re") : stdin;
	char text[128]; /* a key, and white space behind it */
	const char *name = path != NULL ? path : "standard input";
	size_t n;
	bool ok;

	if (f == NULL)
		return ctl_refused("%s: %s: %s", field, name, strerror(errno));
	setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
	n = fread(text, 1, sizeof(text) - 1, f);
	if (path != NULL)
		fclose(f);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL && text[n - 1] != '\0')
		n--;
	text[n] = '\0';
	ok = strlen(text) == n && key_parse(key, text);
	crypto_wipe(text, sizeof(text));
	if (!ok)
		return ctl_refused("%s: %s: expected a key: 32 bytes in base64", field, name);
	return CTL_OK;
}

static int
print_key(struct ctl *c, const char *name, uint8_t key[KEY_LEN])
{
	char text[KEY_STRLEN];

	key_format(text, key);
	if (c->json)
		ctl_print_json(json_pack("{ss}", name, text));
	else
		puts(text);
	crypto_wipe(key, KEY_LEN);
	crypto_wipe(text, sizeof(text));
	return CTL_OK;
}

void
ctl_make_private_key(uint8_t key[KEY_LEN])
{
	crypto_random(key, KEY_LEN);
	key[0] &= 248; /* RFC 7748, section 5 */
	key[31] = (key[31] & 127) | 64;
}

int
ctl_genkey(struct ctl *c)
{
	uint8_t key[KEY_LEN];

	ctl_make_private_key(key);
	return print_key(c, "private_key", key);
}

int
ctl_genpsk(struct ctl *c)
{
	uint8_t key[KEY_LEN];

	crypto_random(key, sizeof(key));
	return print_key(c, "preshared_key", key);
}

int
ctl_pubkey(struct ctl *c)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	char err[256];

	if (crypto_init(err, sizeof(err)) != 0)
		return ctl_refused("%s", err);
	if (ctl_read_key(NULL, "private_key", private_key) != CTL_OK)
		return CTL_REFUSED;
	x25519_base(public_key, private_key);
	crypto_wipe(private_key, sizeof(private_key));
	return print_key(c, "public_key", public_key);
}
