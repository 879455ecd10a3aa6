/* SPDX-License-Identifier: BSD-3-Clause */
/* Machines as trees of files, and what is found to be wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/doctor.h"

static char root[64], told[16384]; /* "STATE CHECK: FOUND [FIX]\n" */
static unsigned workers[] = {2, 3};
static struct config_port ports[] = {
	{.name = "wan0", .device = (char *)(uintptr_t) "0000:3b:00.0,x=1", .mtu = 1500},
	{.name = "lan0",
		.device = (char *)(uintptr_t) "net_af_packet0,iface=wgdpnone",
		.mtu = 1500},
};
static struct config_interface interfaces[] = {{.name = "wg0", .mtu = 1420}};
static struct config config;
static struct doctor doctor;

static void
tell(void *arg, enum finding what, const char *check, const char *found, const char *fix)
{
	static const char *const names[] = {"ok", "warn", "fail"};
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s %s: %s [%s]\n", names[what], check, found,
		fix);
}

/* With text: a file; without: a directory. */
static void
put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *s = full + strlen(root) + 1; (s = strchr(s, '/')) != NULL; s++) {
		*s = '\0';
		mkdir(full, 0700);
		*s = '/';
	}
	if (text == NULL) {
		mkdir(full, 0700);
		return;
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	strcpy(root, "/tmp/test_doctor.XXXXXX");
	assert_non_null(mkdtemp(root));
	told[0] = '\0';
	config = (struct config){
		.dataplane = {.worker_lcores = workers,
			.n_worker_lcores = 2,
			.hugepages = true,
			.memory_mb = 1024,
			.idle = CONFIG_IDLE_POLL},
		.ports = ports,
		.n_ports = 2,
		.interfaces = interfaces,
		.n_interfaces = 1,
	};
	interfaces[0].mtu = 1420;
	doctor = (struct doctor){.root = root, .config = &config, .tell = tell};
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

#define assert_told(s) \
	do { \
		if (strstr(told, (s)) == NULL) \
			fail_msg("no '%s' in:\n%s", (s), told); \
	} while (0)

static void
test_a_machine_that_is_ready(void **state)
{
	char link[256];

	put("/proc/cpuinfo", "processor: 0\nflags\t: fpu constant_tsc nonstop_tsc avx512vl "
			     "avx512ifma\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "256\n");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
	put("/sys/devices/system/cpu/isolated", "1-3,7\n");
	put("/sys/kernel/iommu_groups/0", NULL);
	put("/sys/bus/pci/devices/0000:3b:00.0", NULL);
	snprintf(link, sizeof(link), "%s/sys/bus/pci/devices/0000:3b:00.0/driver", root);
	assert_int_equal(symlink("../../drivers/vfio-pci", link), 0);
	config.n_ports = 1;
	doctor_machine(&doctor);
	doctor_ports(&doctor);
	assert_told("ok cpu: AVX-512 IFMA");
	assert_told("ok tsc: constant");
	assert_told("ok hugepages: 1536 MiB free, 1024 wanted");
	assert_told("ok isolation: ");
	assert_told("ok iommu: on");
	assert_told("ok wan0: 0000:3b:00.0 is bound to vfio-pci");
	assert_told("ok mtu: wg0: 1420 fits into 1500");
	assert_null(strstr(told, "fail "));
}

static void
test_a_machine_that_is_not(void **state)
{
	char link[256];

	put("/proc/cpuinfo", "flags : fpu constant_tsc sse4_2 avx512ifmax\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100\n");
	put("/sys/devices/system/cpu/isolated", "3\n");
	put("/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n");
	put("/sys/bus/pci/devices/0000:3b:00.0", NULL);
	snprintf(link, sizeof(link), "%s/sys/bus/pci/devices/0000:3b:00.0/driver", root);
	assert_int_equal(symlink("../../drivers/ixgbe", link), 0);
	interfaces[0].mtu = 1421;
	doctor_machine(&doctor);
	doctor_ports(&doctor);
	assert_told("warn cpu: no AVX-512 IFMA");
	assert_told("warn tsc: ");
	assert_told("fail hugepages: 200 MiB free, dataplane.memory_mb wants 1024 [echo "
		    "vm.nr_hugepages=528 ");
	assert_told("warn isolation: CPU 2 of the workers");
	assert_told("isolcpus=2 nohz_full=2 rcu_nocbs=2");
	assert_told("warn frequency: the clock of CPU 2 ");
	assert_told("fail iommu: there is none");
	assert_told("fail wan0: 0000:3b:00.0 is bound to ixgbe");
	assert_told("driverctl set-override 0000:3b:00.0 vfio-pci");
	assert_told("fail lan0: there is no interface wgdpnone");
	assert_told("warn mtu: wg0: 1421 and 80 ");
	assert_told("[interfaces[].mtu: 1420,");
}

static void
test_a_short_pci_address_and_none(void **state)
{
	ports[0].device = (char *)(uintptr_t) "3b:00.0";
	config.n_ports = 1;
	doctor_ports(&doctor);
	ports[0].device = (char *)(uintptr_t) "0000:3b:00.0,x=1";
	assert_told("fail wan0: there is no PCI device 0000:3b:00.0 ");
}

static void
test_a_running_gateway_has_its_pages(void **state)
{
	doctor.running = true;
	doctor_machine(&doctor);
	assert_told("ok hugepages: 0 MiB free beside the gateway");
	config.dataplane.idle = CONFIG_IDLE_ADAPTIVE;
	doctor_machine(&doctor);
	assert_told("ok isolation: CPU 2,3 is shared");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_machine_that_is_ready),
		T(test_a_machine_that_is_not),
		T(test_a_short_pci_address_and_none),
		T(test_a_running_gateway_has_its_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
