/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/doctor.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "crypto_accel/crypto_accel.h"

void
doctor_tell(struct doctor *d, enum finding what, const char *check, const char *fix,
	const char *fmt, ...)
{
	char found[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	d->tell(d->arg, what, check, found, fix);
}

bool
doctor_read(const struct doctor *d, char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t used = snprintf(path, sizeof(path), "%s", d->root);
	va_list ap;
	FILE *f;
	bool ok;

	va_start(ap, fmt);
	vsnprintf(path + used, sizeof(path) - used, fmt, ap);
	va_end(ap);
	buf[0] = '\0';
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	ok = fgets(buf, size, f) != NULL;
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* ---- CPU -------------------------------------------------------------------------- */

static bool
has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *s = flags; (s = strstr(s, flag)) != NULL; s += len)
		if ((s == flags || s[-1] == ' ') && (s[len] == ' ' || s[len] == '\0'))
			return true;
	return false;
}

/* The first processor's line of flags. */
static bool
read_flags(const struct doctor *d, char *buf, size_t size)
{
	char path[PATH_MAX];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", d->root);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(buf, size, f) != NULL)
		found = strncmp(buf, "flags", 5) == 0;
	if (f != NULL)
		fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return found;
}

static void
check_cpu(struct doctor *d)
{
	char flags[8192], err[256];

	if (crypto_init(err, sizeof(err)) != 0) {
		doctor_tell(d, FINDING_FAIL, "cpu",
			"do not run a gateway on this machine before it is known why", "%s", err);
		return;
	}
	if (!read_flags(d, flags, sizeof(flags)))
		flags[0] = '\0';
	if (has_flag(flags, "avx512ifma") && has_flag(flags, "avx512vl"))
		doctor_tell(d, FINDING_OK, "cpu", "", "AVX-512 IFMA; aead %s, x25519 %s",
			crypto_aead_name(), crypto_x25519_name());
	else
		doctor_tell(d, FINDING_WARN, "cpu",
			"for the fastest cryptography, a CPU with AVX-512 IFMA (Intel since Ice "
			"Lake, AMD since Zen 4); in a virtual machine, pass the host's CPU through",
			"no AVX-512 IFMA; aead %s, x25519 %s", crypto_aead_name(),
			crypto_x25519_name());
	if (flags[0] != '\0' &&
		!(has_flag(flags, "constant_tsc") && has_flag(flags, "nonstop_tsc")))
		doctor_tell(d, FINDING_WARN, "tsc",
			"in a virtual machine, let the host offer an invariant TSC (invtsc)",
			"the TSC may change its rate or stop: timers go by it");
	else
		doctor_tell(d, FINDING_OK, "tsc", "", "constant and nonstop");
}

static void
check_clock(struct doctor *d)
{
	struct timex t = {0};

	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		doctor_tell(d, FINDING_WARN, "clock", "timedatectl set-ntp true",
			"not synchronised: peers refuse handshakes with a time before the last "
			"one, so "
			"a clock that is set back locks the gateway's own handshakes out");
	else
		doctor_tell(d, FINDING_OK, "clock", "", "synchronised");
}

/* ---- memory ------------------------------------------------------------------------ */

static void
check_hugepages(struct doctor *d)
{
	char path[PATH_MAX], line[64], fix[256];
	uint64_t free_mb = 0, want = d->config->dataplane.memory_mb;
	struct dirent *e;
	DIR *dir;

	if (!d->config->dataplane.hugepages) {
		doctor_tell(d, FINDING_WARN, "hugepages",
			"set dataplane.hugepages: true where the speed matters",
			"not used (dataplane.hugepages: false)");
		return;
	}
	snprintf(path, sizeof(path), "%s/sys/kernel/mm/hugepages", d->root);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		unsigned long kb;

		if (sscanf(e->d_name, "hugepages-%lukB", &kb) == 1 &&
			doctor_read(d, line, sizeof(line),
				"/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name))
			free_mb += strtoul(line, NULL, 10) * kb / 1024;
	}
	if (dir != NULL)
		closedir(dir);
	snprintf(fix, sizeof(fix),
		"echo vm.nr_hugepages=%u > /etc/sysctl.d/90-wgdp.conf && sysctl --system (pages of "
		"2 MiB; more if others use them)",
		(unsigned)(want / 2 + 16));
	if (free_mb >= want)
		doctor_tell(d, FINDING_OK, "hugepages", "", "%u MiB free, %u wanted",
			(unsigned)free_mb, (unsigned)want);
	else if (d->running)
		doctor_tell(d, FINDING_OK, "hugepages", "",
			"%u MiB free beside the gateway that is running", (unsigned)free_mb);
	else
		doctor_tell(d, FINDING_FAIL, "hugepages", fix,
			"%u MiB free, dataplane.memory_mb wants %u", (unsigned)free_mb,
			(unsigned)want);
}

/* ---- CPUs of workers ---------------------------------------------------------------- */

/* "1-3,8" has cpu? */
static bool
in_list(const char *list, unsigned cpu)
{
	while (*list != '\0') {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return false;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
		if (*end != ',' && *end != '\0')
			return false;
	}
	return false;
}

static void
check_isolation(struct doctor *d)
{
	const struct config_dataplane *dp = &d->config->dataplane;
	char isolated[256], governor[64], shared[256] = "", slow[256] = "", fix[1024];

	doctor_read(d, isolated, sizeof(isolated), "/sys/devices/system/cpu/isolated");
	for (unsigned i = 0; i < dp->n_worker_lcores; i++) {
		unsigned cpu = dp->worker_lcores[i];

		if (!in_list(isolated, cpu))
			snprintf(shared + strlen(shared), sizeof(shared) - strlen(shared), "%s%u",
				*shared ? "," : "", cpu);
		if (doctor_read(d, governor, sizeof(governor),
			    "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu) &&
			strcmp(governor, "performance") != 0)
			snprintf(slow + strlen(slow), sizeof(slow) - strlen(slow), "%s%u",
				*slow ? "," : "", cpu);
	}
	if (*shared == '\0')
		doctor_tell(d, FINDING_OK, "isolation", "", "the workers' CPUs are isolated");
	else if (dp->idle == CONFIG_IDLE_ADAPTIVE)
		doctor_tell(d, FINDING_OK, "isolation", "",
			"CPU %s is shared with others, as idle: adaptive allows", shared);
	else {
		snprintf(fix, sizeof(fix),
			"kernel parameters isolcpus=%s nohz_full=%s rcu_nocbs=%s "
			"(GRUB_CMDLINE_LINUX "
			"in /etc/default/grub, update-grub, boot)",
			shared, shared, shared);
		doctor_tell(d, FINDING_WARN, "isolation", fix,
			"CPU %s of the workers, which never sleep, may be given to others", shared);
	}
	if (*slow != '\0') {
		snprintf(fix, sizeof(fix), "cpupower -c %s frequency-set -g performance", slow);
		doctor_tell(d, FINDING_WARN, "frequency", fix,
			"the clock of CPU %s goes down when it seems idle", slow);
	}
}

void
doctor_machine(struct doctor *d)
{
	check_cpu(d);
	check_clock(d);
	if (d->config == NULL)
		return;
	check_hugepages(d);
	check_isolation(d);
}
