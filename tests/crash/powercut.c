/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a program that writes files below POWERCUT_DIR, it keeps in
 * POWERCUT_SHADOW what a disk would hold after a power cut if nothing reached
 * it but what was synced:
 *
 *   SHADOW/INODE   a file's content when it was last synced
 *   SHADOW/names   "INODE NAME" of the directory when it was last synced
 *
 * Each is replaced by a rename, so a kill at any point leaves whole ones. Every
 * file that is there or is created stays open, so that no inode number is used twice. A sync
 * counts from the moment when its shadow is in place, before the caller is told.
 * One flat directory; no hard links.
 *
 * With POWERCUT_STEP=N it kills the program before the Nth call that creates,
 * writes, cuts, syncs, renames or removes one of these files: that reaches the
 * moments between two calls which follow each other at once as often as others.
 * With POWERCUT_FORGET=directories or files, syncs of these are lost: what a program
 * that lacks them would leave.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *watched, *shadow;
static long last_step; /* 0: none */
static char forgotten; /* a kind_of, 0: none */
static atomic_long steps;

static int
raw_open(const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void __attribute__((constructor)) start(void)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	watched = getenv("POWERCUT_DIR");
	shadow = getenv("POWERCUT_SHADOW");
	forgotten = getenv("POWERCUT_FORGET") != NULL ? getenv("POWERCUT_FORGET")[0] : 0;
	last_step = getenv("POWERCUT_STEP") != NULL ? atol(getenv("POWERCUT_STEP")) : 0;
	if (watched == NULL || shadow == NULL || (d = opendir(watched)) == NULL)
		abort();
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%.200s/%.255s", watched, e->d_name);
		if (e->d_type == DT_REG && raw_open(path, O_RDONLY | O_CLOEXEC, 0) < 0)
			abort();
	}
	closedir(d);
}

/* Before each call about a watched file. */
static void
step(void)
{
	if (atomic_fetch_add(&steps, 1) + 1 != last_step)
		return;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int
is_watched(const char *path)
{
	size_t len = strlen(watched);

	return strncmp(path, watched, len) == 0 && path[len] == '/';
}

/* What fd is below the watched directory: 'd' itself, 'f' a file in it, 0 neither. */
static char
kind_of(int fd)
{
	char link[64], target[512];
	size_t len = strlen(watched);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return 0;
	target[n] = '\0';
	if (strncmp(target, watched, len) != 0)
		return 0;
	return target[len] == '\0' ? 'd' : target[len] == '/' ? 'f' : 0;
}

/* data as SHADOW/name, at once. */
static void
put(const char *name, const char *data, size_t len)
{
	char tmp[512], path[512];
	int fd;

	snprintf(tmp, sizeof(tmp), "%s/tmp%d", shadow, (int)gettid()); /* two threads sync */
	snprintf(path, sizeof(path), "%s/%s", shadow, name);
	fd = raw_open(tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		abort();
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			abort();
		data += n;
		len -= n;
	}
	close(fd);
	if (syscall(SYS_renameat2, AT_FDCWD, tmp, AT_FDCWD, path, 0) != 0)
		abort();
}

static void
keep_content(int fd)
{
	char name[32], link[64], *data;
	struct stat st;
	size_t len = 0;
	int in;

	/* The descriptor may be for writing only. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	in = raw_open(link, O_RDONLY, 0);
	if (in < 0 || fstat(in, &st) != 0)
		abort();
	data = malloc(st.st_size + 1);
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(in, data + len, st.st_size - len, len);

		if (n <= 0)
			break;
		len += n;
	}
	close(in);
	snprintf(name, sizeof(name), "%ju", (uintmax_t)st.st_ino);
	put(name, data, len);
	free(data);
}

static void
keep_names(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	DIR *d = opendir(watched);
	struct dirent *e;

	if (out == NULL || d == NULL)
		abort();
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_REG)
			fprintf(out, "%ju %s\n", (uintmax_t)e->d_ino, e->d_name);
	closedir(d);
	fclose(out);
	put("names", text, len);
	free(text);
}

static int
sync_kept(int fd, long call)
{
	char kind = kind_of(fd);

	if (kind != 0)
		step();
	/* The machine does not lose its power: a real sync would only take time. */
	if (kind != 0 && kind == forgotten)
		return 0;
	if (kind == 'f')
		keep_content(fd);
	else if (kind == 'd')
		keep_names();
	else
		return (int)syscall(call, fd);
	return 0;
}

int
fsync(int fd)
{
	return sync_kept(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return sync_kept(fd, SYS_fdatasync);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if ((flags & O_CREAT) && is_watched(path))
		step();
	fd = raw_open(path, flags, mode);
	if (fd >= 0 && (flags & O_CREAT) && kind_of(fd) == 'f')
		(void)fcntl(fd, F_DUPFD_CLOEXEC, 0); /* never closed */
	return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int
rename(const char *from, const char *to)
{
	if (is_watched(to))
		step();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink(const char *path)
{
	if (is_watched(path))
		step();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
	if (kind_of(fd) == 'f')
		step();
	return syscall(SYS_pwrite64, fd, data, n, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off_t offset) __attribute__((alias("pwrite")));

int
ftruncate(int fd, off_t len)
{
	if (kind_of(fd) == 'f')
		step();
	return (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));
