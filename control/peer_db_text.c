/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/peer_db_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/key.h"
#include "control/yaml_tree.h"
#include "crypto_accel/crypto_accel.h"

#define FIRST_SIZE 65536
/* The longest peer but for its allowed_ips, and each of these. */
#define PEER_SIZE 512
#define PREFIX_SIZE (IP_PREFIX_STRLEN + 4)

static const char header[] =
	"# Peers of a wgdp interface. wgdp rewrites this file when peers change, and "
	"comments are then lost.\n";

/* Not realloc: that would leave preshared keys behind. */
static void
reserve(struct peer_db_text *t, size_t more)
{
	size_t cap = t->cap == 0 ? FIRST_SIZE : t->cap;
	char *data;

	while (cap < t->len + more)
		cap *= 2;
	if (cap == t->cap)
		return;
	data = malloc(cap);
	if (data == NULL)
		abort();
	if (t->len > 0) {
		memcpy(data, t->data, t->len);
		crypto_wipe(t->data, t->len);
	}
	free(t->data);
	t->data = data;
	t->cap = cap;
}

static void
add(struct peer_db_text *t, const char *s)
{
	size_t n = strlen(s);

	memcpy(t->data + t->len, s, n);
	t->len += n;
}

/* Quoted, since other readers of YAML take null, 123 or 2001:db8::1 for no text. */
static void
add_member(struct peer_db_text *t, const char *before, const char *value)
{
	add(t, before);
	add(t, "\"");
	add(t, value);
	add(t, "\"\n");
}

void
peer_db_text_add(struct peer_db_text *t, const struct peer_spec *p)
{
	char key[KEY_STRLEN], prefix[IP_PREFIX_STRLEN], endpoint[IP_ENDPOINT_STRLEN], number[48];

	reserve(t, sizeof(header) + PEER_SIZE + (size_t)p->n * PREFIX_SIZE);
	if (t->peers++ == 0) {
		add(t, header);
		add(t, "peers:\n");
	}
	add_member(t, "  - name: ", p->name);
	add_member(t, "    public_key: ", key_format(key, p->public_key));
	if (p->has_preshared_key)
		add_member(t, "    preshared_key: ", key_format(key, p->preshared_key));
	crypto_wipe(key, sizeof(key));
	add(t, "    allowed_ips: [");
	for (unsigned i = 0; i < p->n; i++) {
		add(t, i > 0 ? ", \"" : "\"");
		add(t, ip_prefix_format(prefix, &p->allowed_ips[i]));
		add(t, "\"");
	}
	add(t, "]\n");
	if (p->endpoint.addr.family != IP_NONE)
		add_member(t, "    endpoint: ", ip_endpoint_format(endpoint, &p->endpoint));
	if (p->persistent_keepalive != 0) {
		snprintf(number, sizeof(number), "    persistent_keepalive: %u\n",
			p->persistent_keepalive);
		add(t, number);
	}
}

int
peer_db_text_save(struct peer_db_text *t, const char *path, const struct file_id *expected,
	struct file_id *id, char *err, size_t err_size)
{
	/* A link stays a link: what it points to is replaced. */
	char *real = realpath(path, NULL);
	const char *what;
	int ret, error;

	if (t->peers == 0) {
		reserve(t, PEER_SIZE);
		add(t, header);
		add(t, "peers: []\n");
	}
	ret = durable_replace(real != NULL ? real : path, t->data, t->len, expected, id, &what);
	error = errno;
	if (ret < 0)
		yerror(err, err_size, path, 0, "file", "%s: %s", what, strerror(error));
	free(real);
	errno = error;
	return ret;
}

void
peer_db_text_fini(struct peer_db_text *t)
{
	if (t->data != NULL)
		crypto_wipe(t->data, t->len);
	free(t->data);
	*t = (struct peer_db_text){0};
}
