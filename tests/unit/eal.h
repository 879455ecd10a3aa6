/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL for a unit test: no hugepages, no PCI, nothing shared with other instances. */
#ifndef TESTS_UNIT_EAL_H
#define TESTS_UNIT_EAL_H

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_eal.h>

/* megabytes: of memory that is reserved, and used only where it is touched. */
static inline int
eal_setup_mb(char *megabytes)
{
	char prefix[32];
	char *argv[] = {"test", "--no-huge", "-m", megabytes, "--no-pci", "--no-telemetry",
		"--log-level=warning", "-l", "0", "--file-prefix", prefix, NULL};

	snprintf(prefix, sizeof(prefix), "wgdp-test-%d", (int)getpid());
	return rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) < 0 ? -1 : 0;
}

/* Use as cmocka's group setup and teardown. */
static inline int
eal_setup(void **state)
{
	return eal_setup_mb("64");
}

static inline int
eal_teardown(void **state)
{
	char dir[256], path[512];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	/* EAL leaves its runtime directory behind. */
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
	return 0;
}

#endif
