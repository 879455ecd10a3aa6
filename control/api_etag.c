/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ETags and If-Match (RFC 9110, sections 8.8.3 and 13.1.1). A tag stands for what
 * is configured: counters and sessions may change under it.
 */
#include "control/api_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#define TAG_LEN 16

/* Keyed anew for each run, since a preshared key is part of it. */
void
api_peer_etag(struct api_response *out, const struct management *m, const struct peer_spec *spec)
{
	crypto_generichash_state state;
	uint8_t tag[TAG_LEN];
	char hex[2 * TAG_LEN + 1];

	crypto_generichash_init(&state, m->etag_key, sizeof(m->etag_key), sizeof(tag));
	crypto_generichash_update(&state, (const uint8_t *)spec->name, strlen(spec->name) + 1);
	crypto_generichash_update(&state, spec->public_key, sizeof(spec->public_key));
	crypto_generichash_update(&state, spec->preshared_key, sizeof(spec->preshared_key));
	crypto_generichash_update(
		&state, (const uint8_t *)&spec->endpoint.addr, sizeof(spec->endpoint.addr));
	crypto_generichash_update(
		&state, (const uint8_t *)&spec->endpoint.port, sizeof(spec->endpoint.port));
	crypto_generichash_update(&state, (const uint8_t *)&spec->persistent_keepalive,
		sizeof(spec->persistent_keepalive));
	crypto_generichash_update(
		&state, (const uint8_t *)spec->allowed_ips, spec->n * sizeof(*spec->allowed_ips));
	crypto_generichash_final(&state, tag, sizeof(tag));
	sodium_memzero(&state, sizeof(state));
	snprintf(out->etag, sizeof(out->etag), "\"%s\"",
		sodium_bin2hex(hex, sizeof(hex), tag, sizeof(tag)));
}

void
api_peers_etag(struct api_response *out, const struct management *m, unsigned iface)
{
	/* What one run has counted says nothing about another one. */
	snprintf(out->etag, sizeof(out->etag), "\"%" PRIx64 "-%" PRIu64 "\"", m->started_ns,
		registry_version(m->registry, iface));
}

/* A weak tag never matches. */
static bool
list_has(const char *list, const char *etag)
{
	while (*list != '\0') {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ",");
		while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
			len--;
		if (len > 0 && strlen(etag) == len && memcmp(list, etag, len) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

int
api_check_match(const struct api_call *call, struct refusal *why)
{
	const char *match = call->req->if_match, *etag = call->out->etag;

	if (match == NULL ||
		(etag[0] != '\0' && (strcmp(match, "*") == 0 || list_has(match, etag))))
		return 0;
	return refuse(
		why, 412, "changed", NULL, "it is not what If-Match names any more; read it again");
}
