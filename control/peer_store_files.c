/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/peer_store_state.h"

#define SUFFIX ".journal-"

char *
journal_name(const char *path, uint64_t number)
{
	char *name;

	if (asprintf(&name, "%s" SUFFIX "%ju", path, (uintmax_t)number) < 0)
		abort();
	return name;
}

/* The number of a journal's name, given the database's without directories; 0 when it is none. */
static uint64_t
number_of(const char *name, const char *base)
{
	size_t len = strlen(base);
	uint64_t number = 0;
	const char *s;

	if (strncmp(name, base, len) != 0 || strncmp(name + len, SUFFIX, strlen(SUFFIX)) != 0)
		return 0;
	s = name + len + strlen(SUFFIX);
	if (*s == '\0' || *s == '0' || strlen(s) > 18 || strspn(s, "0123456789") != strlen(s))
		return 0;
	for (; *s != '\0'; s++)
		number = number * 10 + (*s - '0');
	return number;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
journal_names_find(const char *path, struct journal_names *out)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : slash - path);
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	struct dirent *entry;
	int error = errno;

	*out = (struct journal_names){0};
	free(dir);
	if (d == NULL) {
		errno = error;
		return -1;
	}
	while ((entry = readdir(d)) != NULL) {
		uint64_t number = number_of(entry->d_name, base);

		if (number == 0)
			continue;
		out->numbers = reallocarray(out->numbers, out->n + 1, sizeof(*out->numbers));
		if (out->numbers == NULL)
			abort();
		out->numbers[out->n++] = number;
	}
	closedir(d);
	if (out->n > 0)
		qsort(out->numbers, out->n, sizeof(*out->numbers), compare_numbers);
	return 0;
}

int
journals_remove(const char *path, uint64_t below)
{
	struct journal_names names;
	int ret = journal_names_find(path, &names), error = errno;

	/* A failure ends it: a newer one must not go before an older one, nor on the disk. */
	for (size_t i = 0; i < names.n && ret == 0 && names.numbers[i] < below; i++) {
		char *name = journal_name(path, names.numbers[i]);

		ret = unlink(name) == 0 || errno == ENOENT ? 0 : -1;
		if (ret == 0 && i + 1 < names.n && names.numbers[i + 1] < below)
			ret = durable_directory(path);
		error = errno;
		free(name);
	}
	free(names.numbers);
	errno = error;
	return ret;
}
