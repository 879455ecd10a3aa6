/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: the wall clock of one process, off by the seconds in the
 * file that WGDP_TEST_CLOCK names (an int64_t, changed while it runs). All
 * other clocks stay as they are.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset; /* mapped before main(), then read only */

__attribute__((constructor)) static void
map_offset(void)
{
	const char *path = getenv("WGDP_TEST_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		offset = p;
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (rc == 0 && clock == CLOCK_REALTIME && offset != NULL)
		t->tv_sec += *offset;
	return rc;
}
