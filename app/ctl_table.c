/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ctl_table {
	unsigned columns;
	bool right[16];
	char **cells; /* the titles first */
	size_t n, cap;
};

static void
add(struct ctl_table *t, char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = reallocarray(t->cells, t->cap, sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	t->cells[t->n++] = text;
}

struct ctl_table *
ctl_table_create(const char *const *titles)
{
	struct ctl_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	for (; *titles != NULL; titles++) {
		bool right = **titles == '>';

		t->right[t->columns++] = right;
		ctl_cell(t, "%s", *titles + right);
	}
	return t;
}

void
ctl_cell(struct ctl_table *t, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	add(t, text);
}

void
ctl_table_print(struct ctl_table *t)
{
	int width[16] = {0};

	for (size_t i = 0; i < t->n; i++) {
		int len = strlen(t->cells[i]);

		if (len > width[i % t->columns])
			width[i % t->columns] = len;
	}
	for (size_t i = 0; i < t->n; i++) {
		unsigned column = i % t->columns;
		bool last = column == t->columns - 1;

		if (t->right[column])
			printf("%*s", width[column], t->cells[i]);
		else if (last)
			printf("%s", t->cells[i]); /* no blanks at a line's end */
		else
			printf("%-*s", width[column], t->cells[i]);
		printf("%s", last ? "\n" : "  ");
	}
}

void
ctl_table_destroy(struct ctl_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

char *
ctl_human_bytes(char buf[CTL_HUMAN_SIZE], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = bytes;
	unsigned u = 0;

	if (bytes < 1024) {
		snprintf(buf, CTL_HUMAN_SIZE, "%" PRIu64 " B", bytes);
		return buf;
	}
	for (v /= 1024; v >= 1024 && u < 5; v /= 1024)
		u++;
	snprintf(buf, CTL_HUMAN_SIZE, "%.2f %s", v, units[u]);
	return buf;
}

char *
ctl_human_duration(char buf[CTL_HUMAN_SIZE], uint64_t s)
{
	if (s < 60)
		snprintf(buf, CTL_HUMAN_SIZE, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(buf, CTL_HUMAN_SIZE, "%um %us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, CTL_HUMAN_SIZE, "%uh %um", (unsigned)(s / 3600),
			(unsigned)(s / 60 % 60));
	else
		snprintf(buf, CTL_HUMAN_SIZE, "%" PRIu64 "d %uh", s / 86400,
			(unsigned)(s / 3600 % 24));
	return buf;
}

char *
ctl_human_age(char buf[CTL_HUMAN_SIZE], uint64_t epoch_ns)
{
	struct timespec now;
	uint64_t seconds;
	char duration[CTL_HUMAN_SIZE];

	if (epoch_ns == 0) {
		strcpy(buf, "never");
		return buf;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	seconds = epoch_ns / 1000000000;
	seconds = (uint64_t)now.tv_sec > seconds ? now.tv_sec - seconds : 0;
	ctl_human_duration(duration, seconds);
	snprintf(buf, CTL_HUMAN_SIZE, "%.26s ago", duration);
	return buf;
}
