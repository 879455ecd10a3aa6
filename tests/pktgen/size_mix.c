/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/size_mix.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 1000

/* A number without sign or blanks before it; *end is where it ends. */
static unsigned long
number(const char *s, char **end)
{
	*end = NULL;
	return isdigit((unsigned char)*s) ? strtoul(s, end, 10) : 0;
}

int
size_mix_parse(
	struct size_mix *m, const char *s, unsigned min, unsigned max, char *err, size_t err_size)
{
	char *end;

	memset(m, 0, sizeof(*m));
	if (strcmp(s, "imix") == 0)
		s = SIZE_MIX_IMIX;
	for (;; s = end + 1) {
		unsigned long size = number(s, &end), weight = 1;

		if (end != NULL && *end == ':')
			weight = number(end + 1, &end);
		if (end == NULL || (*end != ',' && *end != '\0') || m->n == SIZE_MIX_MAX) {
			snprintf(err, err_size,
				"a size, imix, or up to %u of SIZE:WEIGHT with commas between",
				SIZE_MIX_MAX);
			return -1;
		}
		if (size < min || size > max) {
			snprintf(err, err_size, "sizes from %u to %u bytes", min, max);
			return -1;
		}
		if (weight < 1 || weight > WEIGHT_MAX) {
			snprintf(err, err_size, "weights from 1 to %u", WEIGHT_MAX);
			return -1;
		}
		m->size[m->n] = size;
		m->weight[m->n++] = weight;
		m->total += weight;
		if (*end == '\0')
			return 0;
	}
}

/* Smooth weighted round robin: all gain their weight, the richest pays the total. */
uint16_t
size_mix_next(struct size_mix *m)
{
	unsigned best = 0;

	if (m->n == 1)
		return m->size[0];
	for (unsigned i = 0; i < m->n; i++) {
		m->credit[i] += m->weight[i];
		if (m->credit[i] > m->credit[best])
			best = i;
	}
	m->credit[best] -= m->total;
	return m->size[best];
}

double
size_mix_mean(const struct size_mix *m)
{
	double sum = 0;

	for (unsigned i = 0; i < m->n; i++)
		sum += (double)m->size[i] * m->weight[i];
	return sum / (double)m->total;
}

uint16_t
size_mix_largest(const struct size_mix *m)
{
	uint16_t largest = 0;

	for (unsigned i = 0; i < m->n; i++)
		if (m->size[i] > largest)
			largest = m->size[i];
	return largest;
}
