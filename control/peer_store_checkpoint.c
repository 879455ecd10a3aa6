/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing the YAML anew, beside the changes that go on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/peer_store_state.h"
#include "dataplane/log.h"

#define NS_PER_S UINT64_C(1000000000)
/* A person who looks at the file after a change finds it there. */
#define DELAY_NS NS_PER_S
/* Of the time between two checkpoints at most a tenth is spent on them. */
#define REST_FACTOR 9
#define RETRY_NS (10 * NS_PER_S) /* of one that failed */
#define EDITED_NS (2 * NS_PER_S) /* between two looks at a file that was edited */
#define PEERS_A_TURN 256 /* formatted; well below a millisecond */

/* ---- the thread ------------------------------------------------------------------ */

static void *
write_file(void *arg)
{
	struct peer_store *s = arg;
	static const struct file_id none;
	struct file_id now;
	const struct file_id *expected = &s->id;

	/* Where there is no file any more, there is nothing to be overwritten. */
	if (file_id_read(s->path, &now) == 0 && file_id_equal(&now, &none))
		expected = &none;
	s->error[0] = '\0';
	s->was_edited = false;
	if (peer_db_text_save(
		    &s->text, s->path, expected, &s->new_id, s->error, sizeof(s->error)) != 0)
		s->was_edited = errno == ESTALE;
	atomic_store(&s->done, true);
	if (s->wake != NULL)
		s->wake(s->arg);
	return NULL;
}

/* ---- phases ---------------------------------------------------------------------- */

static void
tell_edited(struct peer_store *s)
{
	if (!s->told_edited)
		log_warn(
			"%s: was edited by hand and is left alone; changes at run time stay in the "
			"journal until a reload takes the edit over",
			s->path);
	s->told_edited = true;
}

static void
tell_failing(struct peer_store *s, const char *why)
{
	if (!s->told_failing)
		log_error("%s; changes at run time stay in the journal", why);
	s->told_failing = true;
}

/* From here on the snapshot is what the registry says now. Returns 0, or -1. */
static int
begin(struct peer_store *s, uint64_t now)
{
	struct journal next = {.fd = -1};
	char err[512];

	if (journal_begin(s, &next) != 0) {
		char *name = journal_name(s->path, s->last_journal + 1);

		snprintf(err, sizeof(err), "%s: cannot be written: %s", name, strerror(errno));
		tell_failing(s, err);
		free(name);
		return -1;
	}
	journal_close(&s->journal);
	s->journal = next;
	s->keep_from = s->last_journal;
	s->stale = true;
	s->cursor = 0;
	s->began_ns = now;
	s->phase = CHECKPOINT_FORMATTING;
	before_clear(&s->snap);
	return 0;
}

/* Returns true when all peers have been formatted. */
static bool
format_some(struct peer_store *s, unsigned budget)
{
	const struct peer_spec *spec;
	struct before *b, *next;

	for (;; budget--) {
		if (budget == 0)
			return false;
		spec = registry_next(s->registry, s->iface, &s->cursor);
		if (spec == NULL)
			break;
		b = before_find(s->snap, spec->public_key);
		if (b == NULL) {
			if (!spec->transient)
				peer_db_text_add(&s->text, spec);
		} else if (b->existed && !b->written) {
			peer_db_text_add(&s->text, &b->spec);
			b->written = true;
		}
	}
	/* Those that have gone since. */
	HASH_ITER(hh, s->snap, b, next) {
		if (b->existed && !b->written)
			peer_db_text_add(&s->text, &b->spec);
		b->written = true;
	}
	return true;
}

static void
give_up(struct peer_store *s, uint64_t now)
{
	/* base still knows all that has changed since the file that stands. */
	peer_db_text_fini(&s->text);
	before_clear(&s->snap);
	s->phase = CHECKPOINT_NONE;
	s->due_ns = now + RETRY_NS;
}

static void
start_writing(struct peer_store *s, uint64_t now)
{
	int error;

	atomic_store(&s->done, false);
	error = pthread_create(&s->thread, NULL, write_file, s);
	if (error == 0) {
		pthread_setname_np(s->thread, "wgdp-files");
		s->phase = CHECKPOINT_WRITING;
		return;
	}
	tell_failing(s, strerror(error));
	give_up(s, now);
}

/* The file stands: what is older than the snapshot has had its time. */
static void
succeed(struct peer_store *s)
{
	s->id = s->new_id;
	before_clear(&s->base);
	s->base = s->snap;
	s->snap = NULL;
	if (journals_remove(s->path, s->keep_from) != 0)
		log_warn("%s: its old journals cannot be removed: %s", s->path, strerror(errno));
	s->stale = false;
	if (s->told_failing)
		log_info("%s: can be written again", s->path);
	s->told_failing = s->told_edited = false;
}

static void
finish(struct peer_store *s, uint64_t now)
{
	pthread_join(s->thread, NULL);
	if (s->error[0] != '\0') {
		if (s->was_edited)
			tell_edited(s);
		else
			tell_failing(s, s->error);
		give_up(s, now);
		return;
	}
	succeed(s);
	peer_db_text_fini(&s->text);
	s->phase = CHECKPOINT_NONE;
	s->due_ns = 0;
	s->rest_until_ns = now + REST_FACTOR * (now - s->began_ns);
}

static uint64_t
turn_idle(struct peer_store *s, uint64_t now)
{
	if (s->base == NULL && !s->stale && !s->journal.broken)
		return UINT64_MAX;
	if (s->due_ns == 0)
		s->due_ns = now + DELAY_NS > s->rest_until_ns ? now + DELAY_NS : s->rest_until_ns;
	/* A snapshot must not hold what may yet be taken back. */
	if (now < s->due_ns || s->group != NULL)
		return now < s->due_ns ? s->due_ns - now : DELAY_NS;
	if (peer_store_edited(s)) {
		tell_edited(s);
		s->due_ns = now + EDITED_NS;
		return EDITED_NS;
	}
	s->told_edited = false;
	if (begin(s, now) == 0)
		return 0;
	s->due_ns = now + RETRY_NS;
	return RETRY_NS;
}

uint64_t
peer_store_turn(struct peer_store *s, uint64_t now)
{
	s->in_use = true;
	switch (s->phase) {
	case CHECKPOINT_NONE:
		return turn_idle(s, now);
	case CHECKPOINT_FORMATTING:
		if (!format_some(s, PEERS_A_TURN))
			return 0;
		start_writing(s, now);
		break;
	case CHECKPOINT_WRITING:
		if (!atomic_load(&s->done))
			return UINT64_MAX;
		finish(s, now);
		break;
	}
	return s->phase == CHECKPOINT_NONE ? turn_idle(s, now) : UINT64_MAX;
}

/* All at once. */
static void
save_now(struct peer_store *s)
{
	if (s->base == NULL && !s->stale)
		return;
	if (peer_store_edited(s)) {
		tell_edited(s);
		return;
	}
	s->phase = CHECKPOINT_FORMATTING;
	s->cursor = 0;
	s->keep_from = s->last_journal + 1;
	while (!format_some(s, UINT16_MAX))
		;
	write_file(s);
	if (s->error[0] == '\0')
		succeed(s);
	else if (s->was_edited)
		tell_edited(s);
	else
		log_error("%s; changes at run time stay in the journal", s->error);
}

void
peer_store_destroy(struct peer_store *s)
{
	if (s == NULL)
		return;
	if (s->phase == CHECKPOINT_WRITING)
		finish(s, 0);
	peer_db_text_fini(&s->text);
	before_clear(&s->snap);
	/* Where start-up has failed, another gateway may be using these files. */
	if (s->in_use && s->group == NULL)
		save_now(s);
	/* One without a record says nothing. */
	if (s->in_use && s->base == NULL && !s->stale)
		journals_remove(s->path, s->last_journal + 1);
	peer_db_text_fini(&s->text);
	peer_store_free(s);
}

enum peer_store_state
peer_store_state(const struct peer_store *s)
{
	if (s->told_edited)
		return PEER_STORE_EDITED;
	if (s->told_failing)
		return PEER_STORE_FAILING;
	return s->base == NULL && !s->stale ? PEER_STORE_SAVED : PEER_STORE_JOURNALED;
}

uint64_t
peer_store_journal_bytes(const struct peer_store *s)
{
	return s->journal.fd >= 0 ? s->journal.size : 0;
}

/* The person's editor may not have synced what it wrote. */
static int
sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = -1;

	if (fd < 0)
		return -1;
	if (fsync(fd) == 0)
		ret = durable_directory(path);
	close(fd);
	return ret;
}

/* The file says all that runs, so no journal is needed. */
void
peer_store_adopted(struct peer_store *s)
{
	char *real = realpath(s->path, NULL);

	s->adopting = false;
	if (real != NULL && sync_file(real) == 0) {
		journal_close(&s->journal);
		before_clear(&s->base);
		s->stale = journals_remove(s->path, s->last_journal + 1) != 0;
	}
	free(real);
}

/*
 * What changes from here on is compared with this file: it has what the reload
 * has changed, and of what had changed before it has what the delta found there.
 */
static void
rebase(struct peer_store *s, const struct peer_delta *d)
{
	struct before *old = s->base, *b, *next;

	s->base = NULL;
	HASH_ITER(hh, old, b, next) {
		const struct peer_delta_entry *e;

		HASH_FIND(hh, d->entries, b->public_key, sizeof(b->public_key), e);
		if (e != NULL)
			before_add(&s->base, b->public_key, e->existed ? &e->before : NULL);
	}
	before_clear(&old);
}

void
peer_store_adopt(struct peer_store *s, const struct peer_db *edit)
{
	/* A snapshot under way is of before; the file is not what it expects. */
	if (s->phase == CHECKPOINT_WRITING)
		finish(s, s->began_ns);
	else if (s->phase == CHECKPOINT_FORMATTING)
		give_up(s, s->began_ns);
	s->id_before = s->id;
	s->id = edit->id;
	s->told_edited = false;
	s->due_ns = 0;
	s->adopting = edit->says_all;
	if (s->adopting && s->group == NULL)
		peer_store_adopted(s);
	else if (s->group == NULL)
		rebase(s, edit->delta);
}
