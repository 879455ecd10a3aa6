/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/icmp.h"

#include <string.h>

#include "dataplane/checksum.h"

#define IP4_LEN 20
#define IP6_LEN 40
#define ICMP_LEN 8
#define ICMP4_ERROR_MAX 576
#define TTL 64
/* Internetwork control (RFC 1812, 4.3.2.5) */
#define TOS_CONTROL 0xc0

#define ICMP4_ECHO_REPLY 0
#define ICMP4_ECHO 8
#define ICMP6_TOO_BIG 2
#define ICMP6_PARAM 4
#define ICMP6_BAD_OPTION 2
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_REDIRECT 137

#define FRAGMENT 44

static uint16_t
get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* The sum over addresses, length and protocol (RFC 8200, 8.1) and the message itself. */
static uint16_t
icmp6_checksum(const uint8_t *packet, size_t len)
{
	uint8_t pseudo[8] = {0};

	put32(pseudo, len - IP6_LEN);
	pseudo[7] = ICMP6_PROTO;
	return checksum_finish(
		checksum_sum(pseudo, sizeof(pseudo)) + checksum_sum(packet + 8, len - 8));
}

bool
icmp6_checksum_ok(const uint8_t *packet, size_t len)
{
	return icmp6_checksum(packet, len) == 0;
}

/* A checksum is computed in memory order and is stored like that. */
static void
store_checksum(uint8_t *p, uint16_t sum)
{
	memcpy(p, &sum, sizeof(sum));
}

void
icmp6_set_checksum(uint8_t *packet, size_t len)
{
	memset(packet + IP6_LEN + 2, 0, 2);
	store_checksum(packet + IP6_LEN + 2, icmp6_checksum(packet, len));
}

static void
set_checksum4(uint8_t *p, size_t at, size_t len)
{
	memset(p + at, 0, 2);
	store_checksum(p + at, checksum_finish(checksum_sum(p, len)));
}

/* ---- who may be answered ------------------------------------------------- */

/* A single host, and one that a packet can have come from (RFC 1812, 5.3.7). */
static bool
is_host4(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool
is_host6(const uint8_t *a)
{
	static const uint8_t zero[15];
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a[0] == 0xff || memcmp(a, mapped, sizeof(mapped)) == 0)
		return false;
	return memcmp(a, zero, sizeof(zero)) != 0 || a[15] > 1; /* neither :: nor ::1 */
}

/* The whole IPv4 packet's length, or 0. *hlen is its header's. */
static size_t
check4(const uint8_t *p, size_t len, size_t *hlen)
{
	size_t total;

	if (len < IP4_LEN || p[0] >> 4 != 4)
		return 0;
	*hlen = (p[0] & 15) * 4u;
	total = get16(p + 2);
	return *hlen < IP4_LEN || total < *hlen || total > len ? 0 : total;
}

static size_t
check6(const uint8_t *p, size_t len)
{
	size_t total;

	if (len < IP6_LEN || p[0] >> 4 != 6)
		return 0;
	total = IP6_LEN + get16(p + 4);
	return total > len ? 0 : total;
}

/* ---- echo ---------------------------------------------------------------- */

static size_t
echo_reply4(uint8_t *p, size_t len)
{
	size_t hlen, total = check4(p, len, &hlen);
	uint8_t src[4];

	if (total < hlen + ICMP_LEN || p[9] != ICMP4_PROTO || (get16(p + 6) & 0x3fff) != 0 ||
		p[hlen] != ICMP4_ECHO || p[hlen + 1] != 0 || !is_host4(p + 12) ||
		!is_host4(p + 16) || checksum_finish(checksum_sum(p + hlen, total - hlen)) != 0)
		return 0;
	/* Options are not sent back: none of them is of use to anyone who only wants an echo. */
	if (hlen > IP4_LEN) {
		memmove(p + IP4_LEN, p + hlen, total - hlen);
		total -= hlen - IP4_LEN;
	}
	memcpy(src, p + 12, 4);
	memcpy(p + 12, p + 16, 4);
	memcpy(p + 16, src, 4);
	p[0] = 0x45;
	p[1] &= 0xfc; /* the class of service comes back, congestion marks do not */
	put16(p + 2, total);
	put16(p + 6, 0);
	p[8] = TTL;
	set_checksum4(p, 10, IP4_LEN);
	p[IP4_LEN] = ICMP4_ECHO_REPLY;
	set_checksum4(p + IP4_LEN, 2, total - IP4_LEN);
	return total;
}

static size_t
echo_reply6(uint8_t *p, size_t len)
{
	size_t total = check6(p, len);
	uint8_t src[16];

	if (total < IP6_LEN + ICMP_LEN || p[6] != ICMP6_PROTO || p[IP6_LEN] != ICMP6_ECHO ||
		p[IP6_LEN + 1] != 0 || !is_host6(p + 8) || !is_host6(p + 24) ||
		!icmp6_checksum_ok(p, total))
		return 0;
	memcpy(src, p + 8, 16);
	memcpy(p + 8, p + 24, 16);
	memcpy(p + 24, src, 16);
	p[1] &= 0xcf; /* ECN */
	p[7] = TTL;
	p[IP6_LEN] = ICMP6_ECHO_REPLY;
	icmp6_set_checksum(p, total);
	return total;
}

size_t
icmp_echo_reply(uint8_t *packet, size_t len)
{
	if (len == 0)
		return 0;
	return packet[0] >> 4 == 4 ? echo_reply4(packet, len) : echo_reply6(packet, len);
}

/* ---- errors -------------------------------------------------------------- */

static bool
may_answer4(const uint8_t *p, size_t len)
{
	size_t hlen, total = check4(p, len, &hlen);

	if (total == 0 || !is_host4(p + 12) || !is_host4(p + 16) || (get16(p + 6) & 0x1fff) != 0)
		return false;
	if (p[9] != ICMP4_PROTO)
		return true;
	/* Queries may be answered; errors, and what is unknown, may not. */
	if (total <= hlen)
		return false;
	switch (p[hlen]) {
	case ICMP4_ECHO_REPLY:
	case ICMP4_ECHO:
	case 13: /* timestamp, and its reply */
	case 14:
		return true;
	}
	return false;
}

static bool
may_answer6(const uint8_t *p, size_t len, bool to_multicast)
{
	size_t total = check6(p, len), at = IP6_LEN, size;
	uint8_t next;

	if (total == 0 || !is_host6(p + 8) ||
		(!is_host6(p + 24) && !(to_multicast && p[24] == 0xff)))
		return false;
	next = p[6];
	/* Hop-by-hop, routing and destination options, and fragments before the message */
	while (next == 0 || next == 43 || next == 60 || next == FRAGMENT) {
		if (at + 8 > total)
			return false;
		if (next == FRAGMENT && (get16(p + at + 2) & 0xfff8) != 0)
			return false;
		size = next == FRAGMENT ? 8 : (p[at + 1] + 1u) * 8;
		next = p[at];
		at += size;
	}
	if (next != ICMP6_PROTO)
		return true;
	return at < total && p[at] >= 128 && p[at] != ICMP6_REDIRECT;
}

static size_t
error4(uint8_t *out, const struct ip_addr *src, uint8_t type, uint8_t code, uint32_t info,
	const uint8_t *p, size_t len)
{
	size_t quote = get16(p + 2), total;

	if (quote > ICMP4_ERROR_MAX - IP4_LEN - ICMP_LEN)
		quote = ICMP4_ERROR_MAX - IP4_LEN - ICMP_LEN;
	total = IP4_LEN + ICMP_LEN + quote;
	memset(out, 0, IP4_LEN + ICMP_LEN);
	out[0] = 0x45;
	out[1] = TOS_CONTROL;
	put16(out + 2, total);
	out[8] = TTL;
	out[9] = ICMP4_PROTO;
	memcpy(out + 12, src->bytes, 4);
	memcpy(out + 16, p + 12, 4);
	set_checksum4(out, 10, IP4_LEN);
	out[IP4_LEN] = type;
	out[IP4_LEN + 1] = code;
	put32(out + IP4_LEN + 4, info);
	memcpy(out + IP4_LEN + ICMP_LEN, p, quote);
	set_checksum4(out + IP4_LEN, 2, ICMP_LEN + quote);
	return total;
}

static size_t
error6(uint8_t *out, const struct ip_addr *src, uint8_t type, uint8_t code, uint32_t info,
	const uint8_t *p, size_t len)
{
	size_t quote = IP6_LEN + get16(p + 4), total;

	if (quote > ICMP_ERROR_MAX - IP6_LEN - ICMP_LEN)
		quote = ICMP_ERROR_MAX - IP6_LEN - ICMP_LEN;
	total = IP6_LEN + ICMP_LEN + quote;
	memset(out, 0, IP6_LEN + ICMP_LEN);
	out[0] = 0x60;
	put16(out + 4, ICMP_LEN + quote);
	out[6] = ICMP6_PROTO;
	out[7] = TTL;
	memcpy(out + 8, src->bytes, 16);
	memcpy(out + 24, p + 8, 16);
	out[IP6_LEN] = type;
	out[IP6_LEN + 1] = code;
	put32(out + IP6_LEN + 4, info);
	memcpy(out + IP6_LEN + ICMP_LEN, p, quote);
	icmp6_set_checksum(out, total);
	return total;
}

size_t
icmp_error(uint8_t *out, const struct ip_addr *src, uint8_t type, uint8_t code, uint32_t info,
	const uint8_t *packet, size_t len)
{
	bool to_multicast =
		type == ICMP6_TOO_BIG || (type == ICMP6_PARAM && code == ICMP6_BAD_OPTION);

	if (src->family == IP_V4 && may_answer4(packet, len))
		return error4(out, src, type, code, info, packet, len);
	if (src->family == IP_V6 && may_answer6(packet, len, to_multicast))
		return error6(out, src, type, code, info, packet, len);
	return 0;
}

/* ---- limits -------------------------------------------------------------- */

#define TOKEN 1000 /* one message, in the unit of tokens */

static void
refill(struct icmp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
	/* rate messages a second are rate tokens a millisecond */
	uint64_t ms = now_ns > b->stamp_ns ? (now_ns - b->stamp_ns) / 1000000 : 0;
	uint64_t tokens;

	if (ms > burst * (uint64_t)TOKEN)
		ms = burst * (uint64_t)TOKEN;
	tokens = b->tokens + ms * rate;
	if (tokens >= burst * (uint64_t)TOKEN) {
		b->tokens = burst * TOKEN;
		b->stamp_ns = now_ns;
		return;
	}
	b->tokens = tokens;
	b->stamp_ns += ms * 1000000;
}

void
icmp_limiter_init(struct icmp_limiter *l, uint32_t total_rate, uint32_t total_burst,
	uint32_t each_rate, uint32_t each_burst, uint64_t seed, uint64_t now_ns)
{
	memset(l, 0, sizeof(*l));
	l->total_rate = total_rate;
	l->total_burst = total_burst;
	l->each_rate = each_rate;
	l->each_burst = each_burst;
	l->seed = seed | 1;
	l->total = (struct icmp_bucket){.stamp_ns = now_ns, .tokens = total_burst * TOKEN};
	for (unsigned i = 0; i < ICMP_LIMIT_BUCKETS; i++)
		l->each[i] = (struct icmp_bucket){.stamp_ns = now_ns, .tokens = each_burst * TOKEN};
}

bool
icmp_limiter_allow(struct icmp_limiter *l, const struct ip_addr *to, uint64_t now_ns)
{
	struct icmp_bucket *b;
	uint64_t key, h;

	memcpy(&key, to->bytes, 8); /* an IPv4 address and zeros, or an IPv6 /64 */
	h = (key ^ l->seed) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29 ^ l->seed) * UINT64_C(0xbf58476d1ce4e5b9);
	b = &l->each[h >> 56];
	refill(&l->total, l->total_rate, l->total_burst, now_ns);
	refill(b, l->each_rate, l->each_burst, now_ns);
	if (l->total.tokens < TOKEN || b->tokens < TOKEN)
		return false;
	l->total.tokens -= TOKEN;
	b->tokens -= TOKEN;
	return true;
}
