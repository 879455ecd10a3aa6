/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a machine and a configuration would keep wgdp from running, or from running well. */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/config.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
	const char *root; /* before /sys and /proc; "" but in tests */
	const struct config *config; /* NULL: none, and only the machine is looked at */
	bool running; /* a gateway holds what it needs already */
	/* Of each check; fix is "" where there is nothing to do. */
	void (*tell)(void *arg, enum finding what, const char *check, const char *found,
		const char *fix);
	void *arg;
};

void doctor_machine(struct doctor *d); /* CPU, clock, hugepages, IOMMU, CPUs of workers */
void doctor_ports(struct doctor *d); /* NICs, kernel interfaces and their offloads, MTUs */

/* One check's result; fix_fmt may be "". */
void doctor_tell(struct doctor *d, enum finding what, const char *check, const char *fix,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The first line of root + path into buf; false when it cannot be read. */
bool doctor_read(const struct doctor *d, char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
