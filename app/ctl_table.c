/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables that fit the terminal. */
#include "app/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX 16
#define GAP 2 /* blanks between columns */

struct cell {
	char *text;
	enum ctl_tone tone;
};

struct ctl_table {
	unsigned columns;
	bool right[COLUMNS_MAX];
	struct cell *cells; /* the titles first */
	size_t n, cap;
};

static void
add(struct ctl_table *t, char *text, enum ctl_tone tone)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = reallocarray(t->cells, t->cap, sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	t->cells[t->n++] = (struct cell){text, tone};
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
		ctl_cell_tone(t, CTL_TITLE, "%s", *titles + right);
	}
	return t;
}

void
ctl_cell_tone(struct ctl_table *t, enum ctl_tone tone, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	add(t, text, tone);
}

/* ---- layout ----------------------------------------------------------------------- */

static unsigned
total(const unsigned *width, unsigned n)
{
	unsigned sum = n > 0 ? (n - 1) * GAP : 0;

	for (unsigned i = 0; i < n; i++)
		sum += width[i];
	return sum;
}

unsigned
ctl_table_layout(unsigned *width, const bool *fixed, unsigned n, unsigned room)
{
	/* A column at a time from the widest, so that the narrow ones stay whole. */
	while (total(width, n) > room) {
		unsigned widest = n;

		for (unsigned i = 0; i < n; i++)
			if (!fixed[i] && width[i] > CTL_CELL_MIN &&
				(widest == n || width[i] > width[widest]))
				widest = i;
		if (widest < n)
			width[widest]--;
		else if (n > 1)
			n--;
		else
			break;
	}
	return n;
}

/* The terminal's columns or lines, or 0 when standard output is none or does not say. */
static void
terminal(unsigned *columns, unsigned *lines)
{
	struct winsize size;

	*columns = *lines = 0;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return;
	*columns = size.ws_col;
	*lines = size.ws_row;
}

unsigned
ctl_terminal_lines(void)
{
	unsigned columns, lines;

	terminal(&columns, &lines);
	return lines;
}

static const char *const tones[] = {
	[CTL_PLAIN] = "",
	[CTL_TITLE] = "\033[1m",
	[CTL_GOOD] = "\033[32m",
	[CTL_WARN] = "\033[33m",
	[CTL_BAD] = "\033[31m",
	[CTL_FAINT] = "\033[2m",
};

const char *
ctl_tone_start(enum ctl_tone tone)
{
	return ctl_colour(STDOUT_FILENO) ? tones[tone] : "";
}

const char *
ctl_tone_end(enum ctl_tone tone)
{
	return ctl_colour(STDOUT_FILENO) && tone != CTL_PLAIN ? "\033[0m" : "";
}

static void
print_cell(const struct cell *cell, unsigned width, bool right, bool last)
{
	unsigned len = strlen(cell->text), pad = len < width ? width - len : 0;

	printf("%*s%s", right ? (int)pad : 0, "", ctl_tone_start(cell->tone));
	if (len > width)
		printf("%.*s..", (int)width - 2, cell->text);
	else
		printf("%s", cell->text);
	/* No blanks at a line's end. */
	printf("%s%*s", ctl_tone_end(cell->tone), !right && !last ? (int)pad : 0, "");
}

void
ctl_table_print(struct ctl_table *t)
{
	unsigned width[COLUMNS_MAX] = {0}, room, lines, shown;

	for (size_t i = 0; i < t->n; i++) {
		unsigned len = strlen(t->cells[i].text);

		if (len > width[i % t->columns])
			width[i % t->columns] = len;
	}
	terminal(&room, &lines);
	shown = room > 0 ? ctl_table_layout(width, t->right, t->columns, room) : t->columns;
	for (size_t i = 0; i < t->n; i++) {
		unsigned column = i % t->columns;

		if (column >= shown)
			continue;
		print_cell(&t->cells[i], width[column], t->right[column], column == shown - 1);
		printf("%*s", column < shown - 1 ? GAP : 0, "");
		if (column == shown - 1)
			putchar('\n');
	}
}

void
ctl_table_destroy(struct ctl_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}
