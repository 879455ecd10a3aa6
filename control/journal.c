/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control/durable.h"
#include "crypto_accel/crypto_accel.h"

#define RECORD_MAGIC 0x31524757u /* "WGR1" */
#define HASH_LEN 16
#define SALT_LEN 16
#define FILE_SIZE_MAX (UINT64_C(1) << 30)
#define ROOM (64u << 10) /* of zeros at a time; some 400 records of one peer */

static const char file_magic[16] = "wgdp-journal-1\n";

struct file_header {
	char magic[16];
	uint8_t salt[SALT_LEN];
};

struct record_header {
	uint32_t magic, len;
	uint64_t synced;
	uint8_t hash[HASH_LEN];
};

_Static_assert(sizeof(struct file_header) == 32, "as documented");
_Static_assert(sizeof(struct record_header) == 32, "as documented");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are written as they are");

static void
record_hash(uint8_t out[HASH_LEN], const uint8_t salt[SALT_LEN], const struct record_header *h,
	uint64_t offset, const void *payload)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, salt, SALT_LEN, HASH_LEN);
	crypto_generichash_update(&state, (const uint8_t *)h, offsetof(struct record_header, hash));
	crypto_generichash_update(&state, (const uint8_t *)&offset, sizeof(offset));
	crypto_generichash_update(&state, payload, h->len);
	crypto_generichash_final(&state, out, HASH_LEN);
}

/* ---- writing ---------------------------------------------------------------- */

/*
 * Write zeros ahead of the records. One that takes their place changes neither
 * the file's size nor its blocks, so its sync waits for its own bytes, and not
 * for all that the file system has under way. Where there is no space for them,
 * records are added at the end.
 */
static void
make_room(struct journal *j, uint64_t end)
{
	static const char zeros[ROOM];

	if (end <= j->room || end > j->size + ROOM)
		return;
	if (durable_write(j->fd, j->size, zeros, ROOM) == 0)
		j->room = j->size + ROOM;
	else if (ftruncate(j->fd, (off_t)j->size) == 0)
		j->room = j->size;
}

int
journal_create(struct journal *j, const char *path)
{
	struct file_header h;
	int error;

	*j = (struct journal){.fd = -1, .path = strdup(path)};
	if (j->path == NULL) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(h.magic, file_magic, sizeof(h.magic));
	randombytes_buf(h.salt, sizeof(h.salt));
	memcpy(j->salt, h.salt, sizeof(h.salt));
	j->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->fd < 0) {
		journal_close(j);
		return -1;
	}
	if (durable_write(j->fd, 0, &h, sizeof(h)) == 0) {
		j->size = j->synced = sizeof(h);
		make_room(j, j->size + 1);
		if (fsync(j->fd) == 0 && durable_directory(path) == 0)
			return 0;
	}
	error = errno;
	unlink(path);
	journal_close(j);
	errno = error;
	return -1;
}

/* Cut the file to len. Until that has worked, nothing may be added. */
static int
cut(struct journal *j, uint64_t len)
{
	if (ftruncate(j->fd, (off_t)len) == 0) {
		j->size = j->room = len;
		return 0;
	}
	j->broken = true;
	return -1;
}

int
journal_append(struct journal *j, const void *payload, size_t len)
{
	struct record_header h = {.magic = RECORD_MAGIC, .len = len, .synced = j->synced};
	int error;

	if (j->broken || len > JOURNAL_RECORD_MAX || j->size + len > FILE_SIZE_MAX) {
		errno = j->broken ? EIO : EFBIG;
		return -1;
	}
	record_hash(h.hash, j->salt, &h, j->size, payload);
	make_room(j, j->size + sizeof(h) + len);
	/* The header last: a kill in between leaves no record. */
	if (durable_write(j->fd, j->size + sizeof(h), payload, len) == 0 &&
		durable_write(j->fd, j->size, &h, sizeof(h)) == 0) {
		j->size += sizeof(h) + len;
		return 0;
	}
	error = errno;
	cut(j, j->size);
	errno = error;
	return -1;
}

int
journal_sync(struct journal *j)
{
	if (j->synced == j->size)
		return 0;
	if (j->broken) {
		errno = EIO;
		return -1;
	}
	if (fdatasync(j->fd) != 0)
		return -1;
	j->synced = j->size;
	return 0;
}

int
journal_take_back(struct journal *j)
{
	/* What the disk holds after a failed sync is unknown: another one has to follow the cut. */
	if (cut(j, j->synced) == 0 && fsync(j->fd) == 0)
		return 0;
	j->broken = true;
	return -1;
}

void
journal_close(struct journal *j)
{
	int error = errno;

	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	*j = (struct journal){.fd = -1};
	errno = error;
}

/* ---- reading ---------------------------------------------------------------- */

struct image {
	uint8_t *data;
	uint64_t size;
	uint8_t salt[SALT_LEN];
};

/* The whole record at this offset? */
static bool
record_at(const struct image *im, uint64_t at, struct record_header *h)
{
	uint8_t hash[HASH_LEN];

	if (im->size - at < sizeof(*h))
		return false;
	memcpy(h, im->data + at, sizeof(*h));
	if (h->magic != RECORD_MAGIC || h->len > JOURNAL_RECORD_MAX ||
		h->len > im->size - at - sizeof(*h))
		return false;
	record_hash(hash, im->salt, h, at, im->data + at + sizeof(*h));
	return memcmp(hash, h->hash, HASH_LEN) == 0;
}

/* Is there, behind a bad record, a good one that knows the bad one as synced? */
static bool
was_synced(const struct image *im, uint64_t bad)
{
	const uint32_t magic = RECORD_MAGIC;
	struct record_header h;
	uint64_t at = bad + 1;

	while (im->size - at >= sizeof(h)) {
		const uint8_t *next = memmem(im->data + at, im->size - at, &magic, sizeof(magic));

		if (next == NULL)
			return false;
		at = next - im->data;
		if (record_at(im, at, &h)) {
			if (h.synced > bad)
				return true;
			at += sizeof(h) + h.len;
		} else {
			at++;
		}
	}
	return false;
}

/* Up to where there is more than zeros, which were never anything else. */
static uint64_t
written_end(const struct image *im, uint64_t from)
{
	uint64_t end = im->size;

	while (end > from && im->data[end - 1] == 0)
		end--;
	return end;
}

static int
hand_out(const char *path, const struct image *im, journal_record_fn fn, void *arg,
	struct journal_read *out, char *err, size_t err_size)
{
	uint64_t at = sizeof(struct file_header);
	struct record_header h;

	for (; at < im->size; at += sizeof(h) + h.len) {
		if (!record_at(im, at, &h))
			break;
		if (fn(arg, im->data + at + sizeof(h), h.len, err, err_size) != 0)
			return -1;
		out->records++;
	}
	out->torn = written_end(im, at) - at;
	if (out->torn == 0 || !was_synced(im, at))
		return 0;
	snprintf(err, err_size,
		"%s: damaged at byte %ju, with good records behind it: the disk lost what it had "
		"confirmed; restore the file, or move it away and lose its changes",
		path, (uintmax_t)at);
	return -1;
}

static int
read_image(int fd, struct image *im)
{
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_SIZE_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return -1;
	}
	im->data = malloc(st.st_size + 1);
	if (im->data == NULL)
		return -1;
	len = durable_read(fd, im->data, st.st_size);
	if (len < 0)
		return -1;
	im->size = len;
	return 0;
}

int
journal_read(const char *path, journal_record_fn fn, void *arg, struct journal_read *out, char *err,
	size_t err_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret = -1;
	struct image im = {0};

	*out = (struct journal_read){0};
	if (fd < 0 || read_image(fd, &im) != 0) {
		snprintf(err, err_size, "%s: cannot be read: %s", path, strerror(errno));
	} else if (im.size < sizeof(struct file_header)) {
		/* It was being created: nothing had been added yet. */
		out->torn = im.size;
		ret = 0;
	} else if (memcmp(im.data, file_magic, sizeof(file_magic)) != 0) {
		static const char zeros[sizeof(file_magic)];

		/* Its length came to the disk before its content, so it was never synced. */
		if (memcmp(im.data, zeros, sizeof(zeros)) == 0) {
			out->torn = im.size;
			ret = 0;
		} else {
			snprintf(err, err_size, "%s: no journal of this version of wgdp", path);
		}
	} else {
		memcpy(im.salt, im.data + sizeof(file_magic), SALT_LEN);
		ret = hand_out(path, &im, fn, arg, out, err, err_size);
	}
	out->size = im.size;
	if (im.data != NULL)
		crypto_wipe(im.data, im.size);
	free(im.data);
	if (fd >= 0)
		close(fd);
	return ret;
}
