/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_SIZE (256u << 10)

struct file_id
file_id_of(const struct stat *st)
{
	return (struct file_id){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
	};
}

int
file_id_read(const char *path, struct file_id *out)
{
	struct stat st;

	*out = (struct file_id){0};
	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	*out = file_id_of(&st);
	return 0;
}

/* Not by ctime: a chmod of the same content is no edit. */
bool
file_id_equal(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

int
durable_write(int fd, uint64_t offset, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		at += n;
		offset += n;
		len -= n;
	}
	return 0;
}

ssize_t
durable_read(int fd, void *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, (char *)buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += n;
	}
	return (ssize_t)len;
}

int
durable_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : slash - path);
	int fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int error, ret = -1;

	if (fd >= 0)
		ret = fsync(fd);
	error = errno;
	if (fd >= 0)
		close(fd);
	free(dir);
	errno = error;
	return ret;
}

/* "DIR/.NAME.tmp" for "DIR/NAME": one name for all attempts, so killed ones do not pile up. */
static char *
temporary_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *tmp;

	return asprintf(&tmp, "%.*s.%s.tmp", (int)(base - path), path, base) >= 0 ? tmp : NULL;
}

/*
 * In pieces, each synced before the next: somebody else's sync on the same disk
 * would have to wait for all that is under way.
 */
static int
write_synced(int fd, const char *data, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < PIECE_SIZE ? len - at : PIECE_SIZE;
		if (durable_write(fd, at, data + at, n) != 0)
			return -1;
		if (at + n < len && fdatasync(fd) != 0)
			return -1;
	}
	return fsync(fd);
}

/* A synced file of that name. */
static int
write_temporary(const char *tmp, const void *data, size_t len)
{
	int fd, error;

	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (write_synced(fd, data, len) == 0) {
		if (close(fd) == 0)
			return 0;
		fd = -1;
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	unlink(tmp);
	errno = error;
	return -1;
}

static int
is_still(const char *path, const struct file_id *expected)
{
	struct file_id now;

	if (expected == NULL)
		return 0;
	if (file_id_read(path, &now) != 0)
		return -1;
	if (file_id_equal(&now, expected))
		return 0;
	errno = ESTALE;
	return -1;
}

int
durable_replace(const char *path, const void *data, size_t len, const struct file_id *expected,
	struct file_id *id, const char **what)
{
	char *tmp = temporary_name(path);
	int error, ret = -1;

	*what = "cannot be written";
	if (tmp == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (write_temporary(tmp, data, len) == 0) {
		if (is_still(path, expected) == 0 && file_id_read(tmp, id) == 0 &&
			rename(tmp, path) == 0) {
			*what = "was replaced, but its directory cannot be synced";
			ret = durable_directory(path);
		} else {
			error = errno;
			unlink(tmp);
			errno = error;
		}
	}
	error = errno;
	free(tmp);
	errno = error;
	return ret;
}
