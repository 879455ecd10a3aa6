/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/client.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/pktgen/station.h"

static const char label_private[] = "wg-blast private";
static const char label_psk[] = "wg-blast psk";

static int
make_key_file(const char *path, uint8_t seed[KEY_LEN], char *err, size_t err_size)
{
	char text[KEY_STRLEN + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool written;

	if (fd < 0) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return -1;
	}
	crypto_random(seed, KEY_LEN);
	key_format(text, seed);
	memcpy(text + KEY_STRLEN - 1, "\n", 2);
	written = write(fd, text, KEY_STRLEN) == KEY_STRLEN;
	crypto_wipe(text, sizeof(text));
	if (close(fd) != 0 || !written) {
		snprintf(err, err_size, "%s: cannot be written: %s", path, strerror(errno));
		unlink(path);
		return -1;
	}
	return 0;
}

static int
read_seed(const char *path, uint8_t seed[KEY_LEN], char *err, size_t err_size)
{
	char why[128];

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return make_key_file(path, seed, err, err_size);
	if (key_read_file(path, seed, NULL, why, sizeof(why)) == 0)
		return 0;
	snprintf(err, err_size, "%s: %s", path, why);
	return -1;
}

/* Which client it is for, and what for, makes the key. */
static void
derive(uint8_t out[KEY_LEN], const uint8_t seed[KEY_LEN], const char *label, uint32_t number)
{
	uint8_t in[32] = {0};
	uint32_t number_le = htole32(number);

	memcpy(in, &number_le, sizeof(number_le));
	memcpy(in + sizeof(number_le), label, strlen(label));
	blake2s(out, KEY_LEN, in, sizeof(in), seed, KEY_LEN);
}

static void
init_client(struct client *c, uint32_t number, const struct options *o, const uint8_t seed[KEY_LEN])
{
	uint8_t key[KEY_LEN];

	c->number = number;
	c->inner = address_plus(&o->inner, number);
	if (o->run) {
		struct ip_addr first = o->sources.family != IP_NONE
					       ? o->sources
					       : address_plus(&o->wan.address.addr, 1);

		c->source.addr = address_plus(&first, number % o->n_sources);
		c->source.port = o->source_port + number / o->n_sources;
	}
	derive(key, seed, label_private, number);
	noise_identity_init(&c->identity);
	noise_identity_set(&c->identity, key);
	if (o->psk)
		derive(key, seed, label_psk, number);
	noise_peer_init(&c->server, o->server_key, o->psk ? key : NULL);
	cookie_peer_init(&c->cookie, o->server_key);
	crypto_random(&c->generation, sizeof(c->generation));
	crypto_wipe(key, sizeof(key));
}

struct client *
clients_create(const struct options *o, char *err, size_t err_size)
{
	struct client *clients;
	uint8_t seed[KEY_LEN];

	if (read_seed(o->key_file, seed, err, err_size) != 0)
		return NULL;
	clients = calloc(o->clients, sizeof(*clients));
	if (clients == NULL)
		snprintf(err, err_size, "no memory for %u clients", o->clients);
	for (unsigned i = 0; clients != NULL && i < o->clients; i++)
		init_client(&clients[i], i, o, seed);
	crypto_wipe(seed, sizeof(seed));
	return clients;
}

void
clients_destroy(struct client *clients, unsigned n)
{
	if (clients == NULL)
		return;
	crypto_wipe(clients, n * sizeof(*clients));
	free(clients);
}

static bool
usable(const struct session *s, uint64_t now_ns)
{
	return s->born_ns != 0 && now_ns - s->born_ns < REJECT_AFTER_TIME_NS &&
	       s->counter < REJECT_AFTER_MESSAGES;
}

struct session *
client_session(struct client *c, uint64_t now_ns)
{
	struct session *s = &c->sessions[c->current];

	return usable(s, now_ns) ? s : NULL;
}

struct session *
client_find_session(struct client *c, uint32_t local_index, uint64_t now_ns)
{
	for (unsigned i = 0; i < 2; i++)
		if (c->sessions[i].local_index == local_index && usable(&c->sessions[i], now_ns))
			return &c->sessions[i];
	return NULL;
}

uint32_t
client_next_index(struct client *c)
{
	return ++c->generation << CLIENT_NUMBER_BITS | c->number;
}

static struct session *
fill_other(struct client *c, uint32_t local_index, uint32_t remote_index,
	const struct noise_keys *keys, uint64_t now_ns)
{
	struct session *s = &c->sessions[!c->current];

	crypto_wipe(s, sizeof(*s));
	s->local_index = local_index;
	s->remote_index = remote_index;
	s->born_ns = now_ns;
	memcpy(s->send, keys->send, sizeof(s->send));
	memcpy(s->receive, keys->receive, sizeof(s->receive));
	return s;
}

void
client_add_session(struct client *c, uint32_t local_index, uint32_t remote_index,
	const struct noise_keys *keys, uint64_t now_ns)
{
	fill_other(c, local_index, remote_index, keys, now_ns);
	c->current = !c->current;
}

void
client_add_answered(struct client *c, uint32_t local_index, uint32_t remote_index,
	const struct noise_keys *keys, uint64_t now_ns)
{
	fill_other(c, local_index, remote_index, keys, now_ns)->unconfirmed = true;
}

void
client_confirm(struct client *c, const struct session *s)
{
	unsigned i = s - c->sessions;

	if (!s->unconfirmed)
		return;
	c->sessions[i].unconfirmed = false;
	c->current = i;
}
