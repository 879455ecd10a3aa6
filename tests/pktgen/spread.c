/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
spread_parse(struct spread *s, const char *text, char *err, size_t err_size)
{
	char *end;

	memset(s, 0, sizeof(*s));
	if (strcmp(text, "even") == 0)
		return 0;
	if (strcmp(text, "random") == 0) {
		s->kind = SPREAD_RANDOM;
		return 0;
	}
	if (strncmp(text, "zipf:", 5) == 0) {
		s->kind = SPREAD_ZIPF;
		s->exponent = strtod(text + 5, &end);
		if (end != text + 5 && *end == '\0' && s->exponent >= 0.1 && s->exponent <= 5)
			return 0;
	}
	snprintf(err, err_size, "even, random, or zipf:S with S from 0.1 to 5");
	return -1;
}

int
spread_init(struct spread *s, unsigned n)
{
	double sum = 0;

	s->n = n;
	s->state = 1;
	if (s->kind != SPREAD_ZIPF)
		return 0;
	s->cumulative = calloc(n, sizeof(*s->cumulative));
	if (s->cumulative == NULL)
		return -1;
	for (unsigned i = 0; i < n; i++)
		s->cumulative[i] = sum += pow(i + 1, -s->exponent);
	for (unsigned i = 0; i < n; i++)
		s->cumulative[i] /= sum;
	return 0;
}

void
spread_fini(struct spread *s)
{
	free(s->cumulative);
	s->cumulative = NULL;
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t
draw(struct spread *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* The first whose cumulative probability exceeds p. */
static unsigned
find(const struct spread *s, double p)
{
	unsigned low = 0, high = s->n - 1;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;

		if (s->cumulative[mid] > p)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

unsigned
spread_next(struct spread *s)
{
	unsigned i;

	switch (s->kind) {
	case SPREAD_RANDOM:
		return (unsigned)(((unsigned __int128)draw(s) * s->n) >> 64);
	case SPREAD_ZIPF:
		return find(s, (double)(draw(s) >> 11) * 0x1p-53);
	case SPREAD_EVEN:
		break;
	}
	i = s->next;
	s->next = i + 1 == s->n ? 0 : i + 1;
	return i;
}
