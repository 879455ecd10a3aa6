/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/unix_listen.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* noinline: inlined, gcc 12 with -fsanitize=undefined warns of a null that no caller passes. */
static int __attribute__((noinline))
fail(int fd, const char *path, const char *what, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s: %s", path, what);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
make_directory(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(copy, sizeof(copy), "%s", path);
	return mkdir(dirname(copy), 0755) == 0 || errno == EEXIST ? 0 : -1;
}

/* 0 when path is free; else -1 with the reason in errno. */
static int
remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	/* Non-blocking: a full backlog (EAGAIN) means that somebody is there. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (rc == 0 || errno != ECONNREFUSED) {
		close(fd);
		errno = EADDRINUSE;
		return -1;
	}
	close(fd);
	return unlink(addr->sun_path);
}

int
unix_listen(const char *path, mode_t mode, uid_t owner, gid_t group, int backlog, char *err,
	size_t err_size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return fail(-1, path, "longer than a socket's path may be", err, err_size);
	strcpy(addr.sun_path, path);
	if (make_directory(path) != 0)
		return fail(-1, path, strerror(errno), err, err_size);
	if (remove_stale(&addr) != 0)
		return fail(-1, path,
			errno == EADDRINUSE ? "another process answers on this socket"
			: errno == EEXIST   ? "exists and is not a socket"
					    : strerror(errno),
			err, err_size);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-1, path, strerror(errno), err, err_size);
	/*
	 * Linux gives the file the mode of the unbound socket's inode (unix_bind), so
	 * there is no moment in which others can connect; the umask, which all
	 * threads share, stays alone.
	 */
	if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		return fail(fd, path, strerror(errno), err, err_size);
	if (((owner != (uid_t)-1 || group != (gid_t)-1) && lchown(path, owner, group) != 0) ||
		chmod(path, mode) != 0 || listen(fd, backlog) != 0) {
		fail(fd, path, strerror(errno), err, err_size);
		unlink(path);
		return -1;
	}
	return fd;
}
