/* SPDX-License-Identifier: BSD-3-Clause */
/* get=1: lines and their order as wireguard-go prints them. */
#include "control/uapi.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "control/management_state.h"
#include "crypto_accel/crypto_accel.h"

#define PEERS_MAX 256u
#define HEX_SIZE (KEY_LEN * 2 + 1)

void
uapi_text_append(struct uapi_text *t, const void *data, size_t n)
{
	if (t->len + n > t->cap) {
		size_t cap = t->cap * 2 > t->len + n ? t->cap * 2 : t->len + n;
		char *grown = malloc(cap);

		if (grown == NULL)
			abort();
		if (t->len > 0) {
			memcpy(grown, t->data, t->len);
			crypto_wipe(t->data, t->len);
		}
		free(t->data);
		t->data = grown;
		t->cap = cap;
	}
	memcpy(t->data + t->len, data, n);
	t->len += n;
}

void
uapi_text_fini(struct uapi_text *t)
{
	if (t->data != NULL)
		crypto_wipe(t->data, t->len);
	free(t->data);
	memset(t, 0, sizeof(*t));
}

static void print(struct uapi_text *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
print(struct uapi_text *out, const char *fmt, ...)
{
	char line[160]; /* no line is longer: a name and 64 hex digits */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	uapi_text_append(out, line, n);
	crypto_wipe(line, sizeof(line));
}

static void
print_key(struct uapi_text *out, const char *name, const uint8_t key[KEY_LEN])
{
	char hex[HEX_SIZE];

	sodium_bin2hex(hex, sizeof(hex), key, KEY_LEN);
	print(out, "%s=%s\n", name, hex);
	crypto_wipe(hex, sizeof(hex));
}

void
uapi_print_interface(struct management *m, unsigned iface, struct uapi_text *out)
{
	print_key(out, "private_key", m->ifaces[iface].private_key);
	print(out, "listen_port=%u\n", m->ifaces[iface].config->listen_port);
}

static void
print_peer(struct uapi_text *out, const struct peer_spec *spec, const struct peer_info *info)
{
	const struct ip_endpoint *e =
		info->endpoint.addr.family != IP_NONE ? &info->endpoint : &spec->endpoint;
	char endpoint[IP_ENDPOINT_STRLEN], prefix[IP_PREFIX_STRLEN];

	print_key(out, "public_key", spec->public_key);
	print_key(out, "preshared_key", spec->preshared_key);
	print(out, "protocol_version=1\n");
	if (e->addr.family != IP_NONE)
		print(out, "endpoint=%s\n", ip_endpoint_format(endpoint, e));
	print(out, "last_handshake_time_sec=%" PRIu64 "\nlast_handshake_time_nsec=%" PRIu64 "\n",
		info->last_handshake_ns / 1000000000, info->last_handshake_ns % 1000000000);
	print(out, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\n", info->tx_bytes, info->rx_bytes);
	print(out, "persistent_keepalive_interval=%u\n", spec->persistent_keepalive);
	for (unsigned i = 0; i < spec->n; i++)
		print(out, "allowed_ip=%s\n", ip_prefix_format(prefix, &spec->allowed_ips[i]));
}

bool
uapi_print_peers(
	struct management *m, unsigned iface, uint64_t *cursor, unsigned max, struct uapi_text *out)
{
	const struct peer_spec *specs[PEERS_MAX] = {NULL};
	struct peer_info info[PEERS_MAX];
	unsigned n = 0;

	if (max > PEERS_MAX)
		max = PEERS_MAX;
	while (n < max) {
		specs[n] = registry_next(m->registry, iface, cursor);
		if (specs[n] == NULL)
			break;
		n++;
	}
	management_peer_info(m, iface, specs, info, n);
	for (unsigned i = 0; i < n; i++)
		print_peer(out, specs[i], &info[i]);
	return n == max;
}
