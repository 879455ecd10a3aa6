/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are whole after a power cut. Any thread. All return -1 with errno when they fail. */
#ifndef CONTROL_DURABLE_H
#define CONTROL_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Which file, and which of its contents: what an edit by hand changes. */
struct file_id {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};

struct file_id file_id_of(const struct stat *st);
/* All zero when there is no such file. */
int file_id_read(const char *path, struct file_id *out);
bool file_id_equal(const struct file_id *a, const struct file_id *b);

/* All of data at this offset. */
int durable_write(int fd, uint64_t offset, const void *data, size_t len);
/* From where fd stands up to the file's end, but no more than size; returns the count. */
ssize_t durable_read(int fd, void *buf, size_t size);
/* Sync the directory that path is in. */
int durable_directory(const char *path);

/*
 * Replace path, which is no symbolic link, by data: a temporary file beside it
 * is written and synced, renamed over path, the directory synced. Mode 0600.
 * Unless expected is NULL, the file must be the one that it names up to the
 * rename, or this fails with ESTALE. *id gets the new one's. What failed is
 * in *what: after "was replaced, but ..." either of the two may be there.
 */
int durable_replace(const char *path, const void *data, size_t len, const struct file_id *expected,
	struct file_id *id, const char **what);

#endif
