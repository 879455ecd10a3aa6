/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent. */
#include "tests/pktgen/traffic.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "dataplane/clock.h"
#include "tests/pktgen/frame.h"

/* How much is sealed between two looks at the ports. */
#define SEAL_A_TURN 256

/* ---- start and end ------------------------------------------------------------- */

uint16_t
traffic_mbuf_room(const struct options *o)
{
	size_t frame = frame_udp_overhead(o->server.addr.family) + MESSAGE_DATA_OVERHEAD +
		       RTE_ALIGN_CEIL(size_mix_largest(&o->sizes), MESSAGE_PADDING);

	return RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(frame, RTE_CACHE_LINE_SIZE);
}

uint64_t
traffic_memory(const struct options *o, uint64_t n)
{
	/* The mbuf, the mempool's header, and what remains at the end of a page. */
	return n * (traffic_mbuf_room(o) + sizeof(struct rte_mbuf) + 64) * 5 / 4;
}

static int
init_ahead(struct traffic *t, char *err, size_t err_size)
{
	uint64_t n = options_packets(t->options, t->options->rate);

	t->ahead = calloc(n, sizeof(*t->ahead));
	t->sent_at = calloc(n, sizeof(*t->sent_at));
	t->ahead_pool = rte_pktmbuf_pool_create(
		"ahead", n, 0, 0, traffic_mbuf_room(t->options), SOCKET_ID_ANY);
	if (t->ahead != NULL && t->sent_at != NULL && t->ahead_pool != NULL)
		return 0;
	snprintf(err, err_size,
		"no memory for %llu packets sealed ahead (%s): lower --rate or "
		"--duration, or raise --memory-mb",
		(unsigned long long)n, rte_strerror(rte_errno));
	return -1;
}

int
traffic_init(struct traffic *t, const struct options *o, struct client *clients, struct wire *wan,
	struct wire *lan, char *err, size_t err_size)
{
	memset(t, 0, sizeof(*t));
	t->options = o;
	t->clients = clients;
	t->wan = wan;
	t->lan = lan;
	t->n_flows = 2 * o->clients;
	t->flows = calloc(t->n_flows, sizeof(*t->flows));
	t->aead = aead_ctx_create();
	t->spread = o->spread;
	crypto_random(&t->run, sizeof(t->run));
	if (t->flows == NULL || t->aead == NULL || spread_init(&t->spread, o->clients) != 0) {
		snprintf(err, err_size, "no memory for %u flows", t->n_flows);
		return -1;
	}
	return o->ahead ? init_ahead(t, err, err_size) : 0;
}

void
traffic_stop(struct traffic *t)
{
	while (t->next_ahead < t->n_ahead)
		rte_pktmbuf_free(t->ahead[--t->n_ahead]);
}

void
traffic_fini(struct traffic *t)
{
	traffic_stop(t);
	rte_mempool_free(t->ahead_pool);
	free(t->ahead);
	free(t->sent_at);
	free(t->flows);
	spread_fini(&t->spread);
	aead_ctx_destroy(t->aead);
}

void
traffic_begin(struct traffic *t, double rate)
{
	memset(t->flows, 0, t->n_flows * sizeof(*t->flows));
	memset(&t->results, 0, sizeof(t->results));
	t->results.rate = rate;
	t->sizes = t->options->sizes;
	t->n_ahead = t->next_ahead = 0;
	t->run++;
}

void
traffic_start(struct traffic *t, uint64_t now_ns)
{
	pacer_start(&t->pacer, t->results.rate, now_ns);
}

/* ---- a packet --------------------------------------------------------------------- */

struct built {
	struct rte_mbuf *mbuf;
	struct wire *wire;
	struct client *client; /* NULL: not sealed */
	uint16_t payload_len; /* of UDP */
};

static bool
goes_down(struct traffic *t)
{
	if (t->options->traffic != TRAFFIC_BOTH)
		return t->options->traffic == TRAFFIC_DOWN;
	t->down_next = !t->down_next;
	return !t->down_next;
}

/* Half the circle away, so that it is nobody's neighbour in any table. */
static const struct client *
partner(const struct traffic *t, const struct client *c)
{
	unsigned n = t->options->clients;

	return &t->clients[(c->number + n / 2) % n];
}

static void
describe(struct traffic *t, struct client *c, bool down, uint64_t stamp, struct inner *p)
{
	const struct options *o = t->options;

	p->from = down ? o->lan.address.addr : c->inner;
	if (down)
		p->to = c->inner;
	else if (o->traffic == TRAFFIC_ECHO)
		p->to = o->echo;
	else if (o->traffic == TRAFFIC_HAIRPIN)
		p->to = partner(t, c)->inner;
	else
		p->to = o->lan.address.addr;
	p->icmp = o->icmp;
	p->reply = false;
	p->size = size_mix_next(&t->sizes);
	p->mark.run = t->run;
	p->mark.flow = c->number + (down ? o->clients : 0);
	p->mark.number_low = (uint32_t)t->flows[p->mark.flow].next;
	p->mark.stamp = stamp;
}

static void
build_plain(struct built *b, const struct inner *p)
{
	const struct station *s = &b->wire->station;
	uint8_t *at = rte_pktmbuf_mtod(b->mbuf, uint8_t *);

	frame_write_ether(at, &s->mac, &s->neighbour_mac, p->from.family);
	inner_build(at + RTE_ETHER_HDR_LEN, p);
}

static void
build_sealed(struct built *b, struct session *s, const struct inner *p, size_t padded,
	struct aead_op *op)
{
	uint8_t *at = rte_pktmbuf_mtod(b->mbuf, uint8_t *) +
		      frame_udp_overhead(b->client->source.addr.family);
	struct message_data header = {.type_le = htole32(MESSAGE_DATA),
		.receiver_index_le = htole32(s->remote_index),
		.counter_le = htole64(s->counter)};

	memcpy(at, &header, sizeof(header));
	inner_build(at + sizeof(header), p);
	memset(at + sizeof(header) + p->size, 0, padded - p->size);
	*op = (struct aead_op){.key = s->send,
		.counter = s->counter++,
		.data = at + sizeof(header),
		.length = padded};
	b->payload_len = sizeof(header) + padded + NOISE_TAG_LEN;
}

/* False when nothing could be built: no session, or no buffer. */
static bool
build(struct traffic *t, struct rte_mempool *pool, uint64_t stamp, uint64_t now_ns, struct built *b,
	struct aead_op *op)
{
	bool down = goes_down(t);
	struct client *c = &t->clients[spread_next(&t->spread)];
	struct session *s = client_session(c, now_ns);
	struct inner p;
	size_t padded, len;

	if (s == NULL) {
		t->results.no_session++;
		return false;
	}
	describe(t, c, down, stamp, &p);
	padded = RTE_MIN(RTE_ALIGN_CEIL((unsigned)p.size, MESSAGE_PADDING), t->options->inner_mtu);
	len = down ? RTE_ETHER_HDR_LEN + p.size
		   : frame_udp_overhead(c->source.addr.family) + MESSAGE_DATA_OVERHEAD + padded;
	*b = (struct built){.mbuf = rte_pktmbuf_alloc(pool),
		.wire = down ? t->lan : t->wan,
		.client = down ? NULL : c};
	if (b->mbuf == NULL || rte_pktmbuf_append(b->mbuf, len) == NULL) {
		rte_pktmbuf_free(b->mbuf);
		b->wire->no_mbuf++;
		return false;
	}
	if (down)
		build_plain(b, &p);
	else
		build_sealed(b, s, &p, padded, op);
	t->flows[p.mark.flow].next++;
	if (!down)
		c->last_sent_ns = now_ns;
	/*
	 * Drivers look at neither field when they send: for which wire it is,
	 * and the inner length, where packets are kept after they were sealed.
	 */
	b->mbuf->port = b->wire->port;
	b->mbuf->hash.usr = p.size;
	return true;
}

static void
write_outer(const struct traffic *t, const struct built *b)
{
	frame_write_udp(rte_pktmbuf_mtod(b->mbuf, uint8_t *), &b->wire->station.mac,
		&b->wire->station.neighbour_mac, &b->client->source, &t->options->server, 0,
		b->payload_len);
}

/* Up to n packets, ready to be sent; returns how many. Stamps count up, or are the time. */
static unsigned
build_burst(struct traffic *t, struct rte_mempool *pool, const uint64_t *first_stamp,
	uint64_t now_ns, struct built *out, unsigned n)
{
	struct aead_op ops[TRAFFIC_BURST];
	unsigned n_built = 0, n_ops = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t stamp = first_stamp != NULL ? *first_stamp + n_built : now_ns;

		if (!build(t, pool, stamp, now_ns, &out[n_built], &ops[n_ops]))
			continue;
		n_ops += out[n_built++].client != NULL;
	}
	aead_seal_burst(t->aead, ops, n_ops);
	for (unsigned i = 0; i < n_built; i++)
		if (out[i].client != NULL)
			write_outer(t, &out[i]);
	return n_built;
}

/* ---- now or ahead ------------------------------------------------------------------ */

static void
put_on_wire(struct traffic *t, struct rte_mbuf *m)
{
	bool wan = m->port == t->wan->port;

	if (wan) {
		t->tx_data++;
		t->tx_data_bytes += m->pkt_len - frame_udp_overhead(t->options->server.addr.family);
	}
	t->results.sent++;
	t->results.sent_bytes += m->hash.usr;
	wire_queue(wan ? t->wan : t->lan, m);
}

bool
traffic_seal_ahead(struct traffic *t, uint64_t n)
{
	struct built built[TRAFFIC_BURST];

	for (unsigned turn = 0; turn < SEAL_A_TURN / TRAFFIC_BURST && t->n_ahead < n; turn++) {
		unsigned want = RTE_MIN(n - t->n_ahead, (uint64_t)TRAFFIC_BURST);
		unsigned got = build_burst(t, t->ahead_pool, &t->n_ahead, dp_now_ns(), built, want);

		if (got == 0)
			return false;
		for (unsigned i = 0; i < got; i++)
			t->ahead[t->n_ahead++] = built[i].mbuf;
	}
	return t->n_ahead < n;
}

static unsigned
send_ahead(struct traffic *t, uint64_t now_ns, unsigned n)
{
	n = RTE_MIN((uint64_t)n, t->n_ahead - t->next_ahead);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = t->ahead[t->next_ahead];

		t->sent_at[t->next_ahead++] = now_ns;
		put_on_wire(t, m);
	}
	return n;
}

unsigned
traffic_turn(struct traffic *t, uint64_t now_ns)
{
	struct built built[TRAFFIC_BURST];
	unsigned n;

	/* What the driver did not take before goes first. */
	if (t->wan->queued > WIRE_QUEUE / 2 || (t->lan != NULL && t->lan->queued > WIRE_QUEUE / 2))
		return 0;
	n = pacer_due(&t->pacer, now_ns, TRAFFIC_BURST);
	if (n == 0)
		return 0;
	pacer_take(&t->pacer, n);
	if (t->options->ahead) {
		n = send_ahead(t, now_ns, n);
	} else {
		n = build_burst(t, t->wan->pool, NULL, now_ns, built, n);
		for (unsigned i = 0; i < n; i++)
			put_on_wire(t, built[i].mbuf);
	}
	t->results.missed = t->pacer.missed;
	return n;
}

/* ---- what arrives ------------------------------------------------------------------- */

/* Is this where that packet had to go, and did its addresses survive? */
static bool
is_right_place(const struct traffic *t, const struct client *at, const struct inner *p)
{
	const struct options *o = t->options;
	bool down = p->mark.flow >= o->clients;
	const struct client *c = &t->clients[p->mark.flow - (down ? o->clients : 0)];
	const struct ip_addr *lan = &o->lan.address.addr;

	if (down)
		return at == c && ip_addr_equal(&p->from, lan) && ip_addr_equal(&p->to, &c->inner);
	switch (o->traffic) {
	case TRAFFIC_HAIRPIN:
		return at == partner(t, c) && ip_addr_equal(&p->from, &c->inner) &&
		       ip_addr_equal(&p->to, &at->inner);
	case TRAFFIC_ECHO:
		return at == c && p->reply && ip_addr_equal(&p->from, &o->echo) &&
		       ip_addr_equal(&p->to, &c->inner);
	default:
		return at == NULL && ip_addr_equal(&p->from, &c->inner) &&
		       ip_addr_equal(&p->to, lan);
	}
}

static void
account(struct traffic *t, const struct inner *p, uint64_t now_ns)
{
	struct flow *f = &t->flows[p->mark.flow];
	struct results *r = &t->results;
	uint64_t sent_ns = t->options->ahead ? t->sent_at[p->mark.stamp] : p->mark.stamp;

	switch (tracker_receive(&f->tracker, tracker_unwrap(&f->tracker, p->mark.number_low))) {
	case TRACKER_DUPLICATE:
		r->duplicates++;
		return;
	case TRACKER_TOO_LATE:
		r->too_late++;
		return;
	case TRACKER_REORDERED:
		r->reordered++;
		break;
	case TRACKER_IN_ORDER:
		break;
	}
	r->received++;
	r->received_bytes += p->size;
	histogram_add(&r->latency, now_ns > sent_ns ? now_ns - sent_ns : 0);
}

void
traffic_receive(
	struct traffic *t, struct client *c, const uint8_t *inner, size_t len, uint64_t now_ns)
{
	struct inner p;

	switch (inner_parse(inner, len, &p)) {
	case INNER_FOREIGN:
		t->results.foreign++;
		return;
	case INNER_DAMAGED:
		t->results.damaged++;
		return;
	case INNER_OK:
		break;
	}
	if (p.mark.run != t->run)
		t->results.foreign++;
	else if (p.mark.flow >= t->n_flows || (t->options->ahead && p.mark.stamp >= t->n_ahead))
		t->results.damaged++;
	else if (!is_right_place(t, c, &p))
		t->results.misdelivered++;
	else
		account(t, &p, now_ns);
}
