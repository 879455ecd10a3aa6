/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wg-flood: hostile frames out of a kernel interface, as fast as a packet
 * socket takes them. It knows nothing of what it sends but what to do
 * to every frame: fill ranges with random bytes, and make
 * the IPv4 checksum and mac1 right again. Frames come on stdin, each behind its
 * length (16 bits, little-endian), and are sent in turns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto_accel/crypto_accel.h"

#define BATCH 64
#define FRAMES_MAX 4096
#define FRAME_MAX 1514
#define RANGES_MAX 8
#define IPV4 14 /* offset of the header */
#define MESSAGE (IPV4 + 20 + 8) /* over IPv4 without options */
#define MAC1_KEY_LEN 32
#define MAC_LEN 16

struct range {
	unsigned offset, len;
};

struct frame {
	uint16_t len;
	uint8_t data[FRAME_MAX];
};

struct flood {
	int sock;
	uint64_t rate, count; /* 0: no limit */
	double seconds;
	struct range random[RANGES_MAX];
	unsigned n_random;
	bool mac1;
	uint8_t mac1_key[MAC1_KEY_LEN];
	struct frame *frames;
	unsigned n_frames;
	uint64_t state; /* of the generator */
	uint64_t sent;
};

static int
usage(void)
{
	fprintf(stderr,
		"usage: wg-flood [options] INTERFACE < FRAMES\n"
		"  --seconds S        how long (1)\n"
		"  --count N          no more frames than that\n"
		"  --rate PPS         no faster than that\n"
		"  --random OFF:LEN   random bytes there, anew in each frame; up to 8 times\n"
		"  --mac1 HEX         key of mac1 of a handshake message over IPv4\n");
	return 2;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* xorshift64*: S. Vigna, An experimental exploration of Marsaglia's xorshift generators (2016). */
static uint64_t
next_random(struct flood *f)
{
	f->state ^= f->state >> 12;
	f->state ^= f->state << 25;
	f->state ^= f->state >> 27;
	return f->state * UINT64_C(2685821657736338717);
}

static void
fix_ipv4(uint8_t *ip)
{
	uint32_t sum = 0;
	uint16_t word;

	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2) {
		memcpy(&word, ip + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	word = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(ip + 10, &word, 2);
}

static void
make(struct flood *f, const struct frame *from, struct frame *to)
{
	unsigned mac1_at = from->len - 2 * MAC_LEN;

	*to = *from;
	for (unsigned i = 0; i < f->n_random; i++) {
		for (unsigned done = 0; done < f->random[i].len; done += 8) {
			uint64_t word = next_random(f);
			unsigned left = f->random[i].len - done;

			memcpy(to->data + f->random[i].offset + done, &word, left < 8 ? left : 8);
		}
	}
	if (to->data[12] == 0x08 && to->data[13] == 0x00)
		fix_ipv4(to->data + IPV4);
	if (f->mac1)
		blake2s(to->data + mac1_at, MAC_LEN, to->data + MESSAGE, mac1_at - MESSAGE,
			f->mac1_key, sizeof(f->mac1_key));
}

/* What of it went out; a full queue of the interface is waited for. */
static void
send_batch(struct flood *f, unsigned n)
{
	static struct frame frames[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	unsigned done = 0;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < n; i++) {
		make(f, &f->frames[(f->sent + i) % f->n_frames], &frames[i]);
		iov[i] = (struct iovec){frames[i].data, frames[i].len};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < n) {
		int sent = sendmmsg(f->sock, msgs + done, n - done, 0);

		if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
			perror("wg-flood: sendmmsg");
			exit(1);
		}
		done += sent > 0 ? (unsigned)sent : 0;
	}
	f->sent += n;
}

static double
run(struct flood *f)
{
	double start = now(), at = start;

	while (at - start < f->seconds && (f->count == 0 || f->sent < f->count)) {
		uint64_t n = BATCH;

		if (f->rate != 0) {
			double due = (at - start) * (double)f->rate;

			n = due > (double)f->sent ? (uint64_t)due - f->sent : 0;
		}
		if (n > BATCH)
			n = BATCH;
		if (f->count != 0 && n > f->count - f->sent)
			n = f->count - f->sent;
		if (n > 0)
			send_batch(f, (unsigned)n);
		else
			usleep(500);
		at = now();
	}
	return at - start;
}

/* ---- set-up -------------------------------------------------------------------- */

static bool
read_frames(struct flood *f)
{
	uint8_t len_le[2];

	f->frames = calloc(FRAMES_MAX, sizeof(*f->frames));
	while (f->frames != NULL && f->n_frames < FRAMES_MAX && fread(len_le, 2, 1, stdin) == 1) {
		struct frame *frame = &f->frames[f->n_frames++];

		frame->len = (uint16_t)(len_le[0] | len_le[1] << 8);
		if (frame->len < MESSAGE || frame->len > FRAME_MAX ||
			(f->mac1 && frame->len < MESSAGE + 2 * MAC_LEN) ||
			fread(frame->data, frame->len, 1, stdin) != 1)
			return false;
		for (unsigned i = 0; i < f->n_random; i++)
			if (f->random[i].offset + f->random[i].len > frame->len)
				return false;
	}
	return f->n_frames > 0;
}

static int
open_socket(const char *interface)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (sock < 0 || to.sll_ifindex == 0 ||
		setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
		bind(sock, (struct sockaddr *)&to, sizeof(to)) != 0)
		return -1;
	return sock;
}

static bool
parse_key(uint8_t key[MAC1_KEY_LEN], const char *hex)
{
	for (unsigned i = 0; i < MAC1_KEY_LEN; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		key[i] = (uint8_t)byte;
	}
	return hex[2 * MAC1_KEY_LEN] == '\0';
}

static bool
parse(struct flood *f, int argc, char **argv)
{
	static const struct option longs[] = {{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'}, {"rate", required_argument, NULL, 'p'},
		{"random", required_argument, NULL, 'r'}, {"mac1", required_argument, NULL, 'm'},
		{0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		struct range *r = &f->random[f->n_random];

		if (opt == 's')
			f->seconds = atof(optarg);
		else if (opt == 'c')
			f->count = strtoull(optarg, NULL, 10);
		else if (opt == 'p')
			f->rate = strtoull(optarg, NULL, 10);
		else if (opt == 'r' && f->n_random < RANGES_MAX &&
			 sscanf(optarg, "%u:%u", &r->offset, &r->len) == 2 &&
			 r->offset < FRAME_MAX && r->len < FRAME_MAX)
			f->n_random++;
		else if (opt == 'm')
			f->mac1 = parse_key(f->mac1_key, optarg);
		if (opt == '?' || (opt == 'm' && !f->mac1) ||
			(opt == 'r' && r == &f->random[f->n_random]))
			return false;
	}
	return optind + 1 == argc;
}

int
main(int argc, char **argv)
{
	struct flood f = {.seconds = 1};
	char err[256];
	double took;

	if (!parse(&f, argc, argv))
		return usage();
	if (crypto_init(err, sizeof(err)) != 0 || !read_frames(&f)) {
		fprintf(stderr, "wg-flood: the frames on stdin are not usable\n");
		return 1;
	}
	crypto_random(&f.state, sizeof(f.state));
	f.state |= 1;
	f.sock = open_socket(argv[optind]);
	if (f.sock < 0) {
		perror("wg-flood: socket");
		return 1;
	}
	took = run(&f);
	printf("{\"sent\": %" PRIu64 ", \"seconds\": %.3f}\n", f.sent, took);
	close(f.sock);
	free(f.frames);
	return 0;
}
