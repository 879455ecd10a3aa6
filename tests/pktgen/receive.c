/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/receive.h"

#include <endian.h>
#include <string.h>
#include <rte_ethdev.h>

#include "dataplane/clock.h"
#include "tests/pktgen/frame.h"

/* A burst, sorted by what is to be done with it. */
struct burst {
	uint64_t now_ns;
	unsigned n_data, n_responses;
	struct aead_op ops[WIRE_BURST];
	struct client *data_clients[WIRE_BURST];
	struct session *sessions[WIRE_BURST];
	struct client *response_clients[WIRE_BURST];
	const struct message_response *responses[WIRE_BURST];
};

_Static_assert(WIRE_BURST <= NOISE_BATCH && WIRE_BURST <= AEAD_BURST_MAX, "a burst is a batch");

static unsigned
receive_frames(struct wire *w, struct rte_mbuf **frames)
{
	unsigned n = rte_eth_rx_burst(w->port, 0, frames, WIRE_BURST);

	w->rx_frames += n;
	for (unsigned i = 0; i < n; i++)
		w->rx_bytes += frames[i]->pkt_len;
	return n;
}

/* The client whose index a message is for; NULL when there is none of that number. */
static struct client *
find_client(struct traffic *t, uint32_t index)
{
	uint32_t number = index & CLIENT_NUMBER_MASK;

	return number < t->options->clients ? &t->clients[number] : NULL;
}

/* An initiation names nobody but by where it goes. As init_client of client.c has it, backwards. */
static struct client *
find_addressee(struct traffic *t, const struct ip_endpoint *to)
{
	const struct ip_addr *a = &to->addr, *first = &t->clients[0].source.addr;
	size_t len = ip_addr_len(a->family);
	uint32_t at = 0, base = 0, number;
	struct client *c;

	if (a->family != first->family)
		return NULL;
	for (size_t i = len - 4; i < len; i++) {
		at = at << 8 | a->bytes[i];
		base = base << 8 | first->bytes[i];
	}
	number = at - base + (uint32_t)(to->port - t->options->source_port) * t->options->n_sources;
	if (number >= t->options->clients)
		return NULL;
	c = &t->clients[number];
	return ip_endpoint_equal(&c->source, to) ? c : NULL;
}

static void
add_data(struct burst *b, struct traffic *t, struct client *c, const struct frame *f)
{
	struct message_data header;
	struct session *s;

	memcpy(&header, f->payload, sizeof(header));
	s = client_find_session(c, le32toh(header.receiver_index_le), b->now_ns);
	if (s == NULL) {
		t->counters.unknown_index++;
		return;
	}
	b->ops[b->n_data] = (struct aead_op){.key = s->receive,
		.counter = le64toh(header.counter_le),
		.data = f->payload + sizeof(header),
		.length = f->payload_len - MESSAGE_DATA_OVERHEAD};
	b->sessions[b->n_data] = s;
	b->data_clients[b->n_data++] = c;
}

/* By type; anything of a wrong length counts as damaged. */
static void
sort_message(struct burst *b, struct traffic *t, struct handshaker *h, const struct frame *f)
{
	uint32_t type_le = 0, words[3] = {0};
	struct client *c;

	memcpy(words, f->payload, f->payload_len < sizeof(words) ? f->payload_len : sizeof(words));
	type_le = words[0];
	/* A response has the sender's index before the receiver's. */
	c = find_client(t, le32toh(type_le == htole32(MESSAGE_RESPONSE) ? words[2] : words[1]));
	if (type_le == htole32(MESSAGE_INITIATION)) {
		c = find_addressee(t, &f->to);
		if (c == NULL || f->payload_len != sizeof(struct message_initiation) ||
			!handshaker_answer(h, c, (const void *)f->payload, b->now_ns))
			t->counters.initiations_ignored++;
		return;
	}
	if (c == NULL) {
		t->counters.unknown_index++;
		return;
	}
	if (!ip_endpoint_equal(&f->to, &c->source)) {
		t->counters.misaddressed++;
		return;
	}
	if (type_le == htole32(MESSAGE_DATA) && f->payload_len >= MESSAGE_DATA_MIN_LEN) {
		add_data(b, t, c, f);
	} else if (type_le == htole32(MESSAGE_RESPONSE) &&
		   f->payload_len == sizeof(struct message_response)) {
		b->response_clients[b->n_responses] = c;
		b->responses[b->n_responses++] = (const void *)f->payload;
	} else if (type_le == htole32(MESSAGE_COOKIE_REPLY) &&
		   f->payload_len == sizeof(struct message_cookie_reply)) {
		handshaker_cookie(h, c, (const void *)f->payload, b->now_ns);
	} else {
		t->counters.frame_damaged++;
	}
}

static void
open_data(struct burst *b, struct traffic *t)
{
	aead_open_burst(t->aead, b->ops, b->n_data);
	for (unsigned i = 0; i < b->n_data; i++) {
		const struct aead_op *op = &b->ops[i];

		if (op->result != AEAD_OK) {
			t->counters.auth_failed++;
			continue;
		}
		if (!replay_accept(&b->sessions[i]->replay, op->counter)) {
			t->counters.replayed++;
			continue;
		}
		client_confirm(b->data_clients[i], b->sessions[i]);
		b->data_clients[i]->last_received_ns = b->now_ns;
		if (op->length == 0) {
			t->counters.keepalives++;
			continue;
		}
		t->counters.data++;
		t->counters.data_bytes += op->length + MESSAGE_DATA_OVERHEAD;
		traffic_receive(t, b->data_clients[i], op->data, op->length, b->now_ns);
	}
}

unsigned
receive_wan(struct traffic *t, struct handshaker *h)
{
	struct rte_mbuf *frames[WIRE_BURST];
	struct burst b = {.n_data = 0};
	unsigned n = receive_frames(t->wan, frames);
	struct frame f;

	if (n == 0)
		return 0;
	b.now_ns = dp_now_ns();
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = rte_pktmbuf_mtod(frames[i], uint8_t *);

		if (rte_pktmbuf_linearize(frames[i]) != 0) {
			t->counters.frame_damaged++;
			continue;
		}
		frame_parse(at, frames[i]->data_len, true, &f);
		if (f.kind == FRAME_NEIGHBOUR)
			wire_answer(t->wan, at, frames[i]->data_len);
		else if (f.kind == FRAME_DAMAGED)
			t->counters.frame_damaged++;
		else if (f.kind == FRAME_UDP && ip_endpoint_equal(&f.from, &t->options->server))
			sort_message(&b, t, h, &f);
		else if (f.kind == FRAME_UDP)
			t->counters.udp_other++;
	}
	/* Data first: a response retires the session before the last, and wipes its keys. */
	if (b.n_data > 0)
		open_data(&b, t);
	if (b.n_responses > 0)
		handshaker_respond(h, b.response_clients, b.responses, b.n_responses, b.now_ns);
	rte_pktmbuf_free_bulk(frames, n);
	return n;
}

unsigned
receive_lan(struct traffic *t)
{
	struct rte_mbuf *frames[WIRE_BURST];
	unsigned n = receive_frames(t->lan, frames);
	uint64_t now_ns;
	struct frame f;

	if (n == 0)
		return 0;
	now_ns = dp_now_ns();
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = rte_pktmbuf_mtod(frames[i], uint8_t *);

		if (rte_pktmbuf_linearize(frames[i]) != 0) {
			t->counters.frame_damaged++;
			continue;
		}
		/* The inner packet's checksum is verified there, and counted against the run. */
		frame_parse(at, frames[i]->data_len, false, &f);
		if (f.kind == FRAME_NEIGHBOUR)
			wire_answer(t->lan, at, frames[i]->data_len);
		else if (f.kind == FRAME_DAMAGED)
			t->counters.frame_damaged++;
		else if (f.kind == FRAME_UDP || f.kind == FRAME_IP)
			traffic_receive(t, NULL, f.ip, f.ip_len, now_ns);
	}
	rte_pktmbuf_free_bulk(frames, n);
	return n;
}
