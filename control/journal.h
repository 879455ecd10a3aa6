/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that only grows: records that are there whole or not at all. Pure
 * file I/O; what a record says is others' business. One thread's at a time.
 *
 *   file    16 bytes "wgdp-journal-1\n\0", 16 random bytes (the salt), records
 *   record  u32 magic, u32 length, u64 offset up to which all was synced when it
 *           was written, 16 bytes BLAKE2b under the salt over what precedes it
 *           in the record, its own offset and the payload; payload
 *
 * Behind the last record there may be zeros. Integers are little-endian. The salt and the offset
 * keep a disk's stale blocks from being taken for records. Where a record is bad, either it was
 * never synced, as are all behind it: that is a torn tail. Or a later one is good
 * and says that this one had been synced: then the file is damaged.
 */
#ifndef CONTROL_JOURNAL_H
#define CONTROL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_RECORD_MAX (64u << 20) /* bytes of payload */

struct journal {
	int fd; /* -1: not open */
	char *path;
	uint8_t salt[16];
	uint64_t size; /* all records up to here are whole */
	uint64_t synced; /* and up to here on the disk */
	uint64_t room; /* behind size: zeros up to here */
	bool broken; /* it may hold what was refused: nothing more can be added */
};

/*
 * Create it, durably with its name. It must not exist. Returns 0, or -1 with
 * errno, and then there is no such file.
 */
int journal_create(struct journal *j, const char *path);
/*
 * Add a record: a kill -9 loses it no more, a power cut does until it is
 * synced. Returns 0; or -1 with errno, and then it will not be found in it.
 */
int journal_append(struct journal *j, const void *payload, size_t len);
/* On the disk with all records. -1 with errno: nobody knows what is there; see broken. */
int journal_sync(struct journal *j);
/* Take back all that was not synced. -1 with errno, and then it is broken. */
int journal_take_back(struct journal *j);
/* The file stays. Wipes and frees. */
void journal_close(struct journal *j);

struct journal_read {
	uint64_t records;
	uint64_t size; /* of the file */
	uint64_t torn; /* bytes of a torn tail, not handed out */
};

/* Returns 0; or -1, with the reason in err, to stop. */
typedef int (*journal_record_fn)(
	void *arg, const uint8_t *payload, size_t len, char *err, size_t err_size);
/*
 * Hand out all whole records, in order. Returns 0; or -1 with a line
 * "FILE: reason" in err where it cannot be read, is damaged or fn says so.
 */
int journal_read(const char *path, journal_record_fn fn, void *arg, struct journal_read *out,
	char *err, size_t err_size);

#endif
