/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/runtime_dir.h"

/* Where EAL puts it: /var/run for root, else XDG_RUNTIME_DIR or /tmp. */
static int
open_base(void)
{
	const char *base = "/var/run", *xdg = getenv("XDG_RUNTIME_DIR");
	char path[512];

	if (getuid() != 0)
		base = xdg != NULL ? xdg : "/tmp";
	snprintf(path, sizeof(path), "%s/dpdk", base);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A flat directory: files and sockets only. What is missing already is fine. */
static void
remove_flat(int base, const char *name)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL)
		unlinkat(fd, e->d_name, 0);
	closedir(dir);
	unlinkat(base, name, AT_REMOVEDIR);
}

void
runtime_dir_sweep(void)
{
	int base = open_base();
	DIR *dir = base >= 0 ? fdopendir(dup(base)) : NULL;
	struct dirent *e;
	int pid, end;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		end = 0;
		if (sscanf(e->d_name, "wgdp-%d%n", &pid, &end) == 1 && e->d_name[end] == '\0' &&
			pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)
			remove_flat(base, e->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (base >= 0)
		close(base);
}

void
runtime_dir_remove(void)
{
	int base = open_base();
	char name[32];

	snprintf(name, sizeof(name), "wgdp-%d", (int)getpid());
	if (base < 0)
		return;
	remove_flat(base, name);
	close(base);
}
