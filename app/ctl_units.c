/* SPDX-License-Identifier: BSD-3-Clause */
/* Quantities as people read them. */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

char *
ctl_human_bytes(char buf[CTL_HUMAN_SIZE], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = bytes;
	unsigned u = 0;

	if (bytes < 1024) {
		snprintf(buf, CTL_HUMAN_SIZE, "%" PRIu64 " B", bytes);
		return buf;
	}
	/* From what would be printed as 1024.00 on, the next unit. */
	for (v /= 1024; v >= 1023.995 && u < 5; v /= 1024)
		u++;
	snprintf(buf, CTL_HUMAN_SIZE, "%.2f %s", v, units[u]);
	return buf;
}

char *
ctl_human_rate(char buf[CTL_HUMAN_SIZE], uint64_t bytes, double seconds)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	double v = seconds > 0 ? 8.0 * bytes / seconds : 0;
	unsigned u = 0;

	for (; v >= 999.95 && u < 4; v /= 1000)
		u++;
	snprintf(buf, CTL_HUMAN_SIZE, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
	return buf;
}

char *
ctl_human_duration(char buf[CTL_HUMAN_SIZE], uint64_t s)
{
	if (s < 60)
		snprintf(buf, CTL_HUMAN_SIZE, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(buf, CTL_HUMAN_SIZE, "%um %us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, CTL_HUMAN_SIZE, "%uh %um", (unsigned)(s / 3600),
			(unsigned)(s / 60 % 60));
	else
		snprintf(buf, CTL_HUMAN_SIZE, "%" PRIu64 "d %uh", s / 86400,
			(unsigned)(s / 3600 % 24));
	return buf;
}

uint64_t
ctl_age_s(uint64_t epoch_ns)
{
	uint64_t seconds = epoch_ns / 1000000000;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec > seconds ? now.tv_sec - seconds : 0;
}

char *
ctl_human_age(char buf[CTL_HUMAN_SIZE], uint64_t epoch_ns)
{
	char duration[CTL_HUMAN_SIZE];

	if (epoch_ns == 0) {
		strcpy(buf, "never");
		return buf;
	}
	ctl_human_duration(duration, ctl_age_s(epoch_ns));
	snprintf(buf, CTL_HUMAN_SIZE, "%.26s ago", duration);
	return buf;
}
