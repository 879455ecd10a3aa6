/* SPDX-License-Identifier: BSD-3-Clause */
/* genkey, pubkey, genpsk: no gateway needed. */
#include "app/ctl.h"

#include <stdio.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"

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

int
ctl_genkey(struct ctl *c)
{
	uint8_t key[KEY_LEN];

	crypto_random(key, sizeof(key));
	key[0] &= 248; /* RFC 7748, section 5 */
	key[31] = (key[31] & 127) | 64;
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
	if (key_read_file("/dev/stdin", private_key, NULL, err, sizeof(err)) != 0)
		return ctl_refused("standard input: %s", err);
	x25519_base(public_key, private_key);
	crypto_wipe(private_key, sizeof(private_key));
	return print_key(c, "public_key", public_key);
}
