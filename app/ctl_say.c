/* SPDX-License-Identifier: BSD-3-Clause */
/* What wgdp-ctl says when something is wrong, and what was probably meant. */
#include "app/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* See no-color.org: set and not empty means without colour, whatever its value. */
bool
ctl_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && (no == NULL || *no == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static void
tell(const char *fmt, va_list ap)
{
	bool colour = ctl_colour(STDERR_FILENO);

	fputs(colour ? "\033[31mwgdp-ctl:\033[0m " : "wgdp-ctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
ctl_refused(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	return CTL_REFUSED;
}

void
ctl_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

int
ctl_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try 'wgdp-ctl --help'.\n");
	return CTL_USAGE;
}

const char *
ctl_option(const struct ctl *c, const char *name)
{
	for (unsigned i = 0; i < CTL_OPTIONS_MAX && c->options[i].name != NULL; i++)
		if (strcmp(c->options[i].name, name) == 0)
			return c->options[i].value;
	return NULL;
}

/* Levenshtein's distance of short words; anything long is far away. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[33], la = strlen(a), lb = strlen(b);

	if (la > 32 || lb > 32)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *
ctl_did_you_mean(const char *typed, const char *const *names)
{
	const char *best = NULL;
	unsigned least = strlen(typed) < 4 ? 2 : 3; /* below this is near */

	for (; *names != NULL; names++) {
		unsigned d = distance(typed, *names);

		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return best;
}
