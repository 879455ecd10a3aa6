/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: what a NIC is bound to, and what a kernel interface does to frames. */
#include "app/doctor.h"

#include <dirent.h>
#include <ifaddrs.h>
#include <libgen.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Outer headers over IPv6 (40), UDP (8) and WireGuard (32): what mtu has to be below the ports'. */
#define OVERHEAD 80

/* ---- PCI -------------------------------------------------------------------------- */

static bool
is_pci(const char *device)
{
	unsigned a, b, c, f;
	int end = 0;

	return (sscanf(device, "%4x:%2x:%2x.%1x%n", &a, &b, &c, &f, &end) == 4 ||
		       sscanf(device, "%2x:%2x.%1x%n", &b, &c, &f, &end) == 3) &&
	       (device[end] == '\0' || device[end] == ',');
}

static bool
has_iommu(const struct doctor *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool any = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/kernel/iommu_groups", d->root);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		any |= e->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	return any;
}

static void
check_pci(struct doctor *d, const struct config_port *port)
{
	char address[16], path[PATH_MAX], target[PATH_MAX], fix[640];
	const char *driver = "none";
	ssize_t n;

	/* The domain may be left out. */
	snprintf(address, sizeof(address), "%s%.*s",
		port->device[4] == ':' ? "" : "0000:", (int)strcspn(port->device, ","),
		port->device);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", d->root, address);
	if (access(path, F_OK) != 0) {
		doctor_tell(d, FINDING_FAIL, port->name,
			"lspci -D | grep -i ether shows the addresses; correct ports[].device",
			"there is no PCI device %s", address);
		return;
	}
	strcat(path, "/driver");
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		driver = basename(target);
	}
	/* mlx5 and mlx4 share the device with the kernel's driver. */
	if (strcmp(driver, "vfio-pci") == 0 || strncmp(driver, "mlx", 3) == 0) {
		doctor_tell(d, FINDING_OK, port->name, "", "%s is bound to %s", address, driver);
		return;
	}
	snprintf(fix, sizeof(fix),
		"modprobe vfio-pci; driverctl set-override %s vfio-pci (package driverctl; it "
		"stays "
		"so after a boot). The kernel then has this NIC no more",
		address);
	doctor_tell(d, FINDING_FAIL, port->name, fix, "%s is bound to %s, not to vfio-pci", address,
		driver);
}

static void
check_iommu(struct doctor *d)
{
	if (has_iommu(d))
		doctor_tell(d, FINDING_OK, "iommu", "", "on");
	else
		doctor_tell(d, FINDING_FAIL, "iommu",
			"turn on VT-d or AMD-Vi in the firmware, and boot with intel_iommu=on "
			"iommu=pt (AMD: iommu=pt); a virtual machine without one: "
			"echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
			"there is none, and vfio-pci wants one");
}

/* ---- kernel interfaces -------------------------------------------------------------- */

/* An on/off value of ethtool's; false also where it cannot be asked. */
static bool
ethtool_value(const char *iface, uint32_t cmd)
{
	struct ethtool_value value = {.cmd = cmd};
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool on;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", iface);
	req.ifr_data = (void *)&value;
	on = fd >= 0 && ioctl(fd, SIOCETHTOOL, &req) == 0 && value.data != 0;
	if (fd >= 0)
		close(fd);
	return on;
}

static bool
is_veth(const char *iface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", iface);
	req.ifr_data = (void *)&info;
	is = fd >= 0 && ioctl(fd, SIOCETHTOOL, &req) == 0 && strcmp(info.driver, "veth") == 0;
	if (fd >= 0)
		close(fd);
	return is;
}

static bool
has_addresses(const char *iface)
{
	struct ifaddrs *all = NULL;
	bool any = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (struct ifaddrs *a = all; a != NULL; a = a->ifa_next)
		any |= strcmp(a->ifa_name, iface) == 0 && a->ifa_addr != NULL &&
		       (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
	freeifaddrs(all);
	return any;
}

/* Frames that the far end sends unfinished arrive unfinished. */
static void
check_veth(struct doctor *d, const struct config_port *port, const char *iface)
{
	char line[32], peer[IF_NAMESIZE] = "", back[32], fix[160];
	unsigned mine = if_nametoindex(iface), theirs = 0;

	if (doctor_read(d, line, sizeof(line), "/sys/class/net/%s/iflink", iface))
		theirs = strtoul(line, NULL, 10);
	/* The number may be another namespace's: the far end points back. */
	if (theirs == mine || if_indextoname(theirs, peer) == NULL ||
		!doctor_read(d, back, sizeof(back), "/sys/class/net/%s/iflink", peer) ||
		strtoul(back, NULL, 10) != mine) {
		doctor_tell(d, FINDING_WARN, port->name,
			"there: ethtool -K DEV tx off gso off tso off",
			"%s is a veth whose far end is in another namespace; its offloads cannot "
			"be "
			"seen from here",
			iface);
		return;
	}
	snprintf(fix, sizeof(fix), "ethtool -K %s tx off gso off tso off", peer);
	if (ethtool_value(peer, ETHTOOL_GTXCSUM) || ethtool_value(peer, ETHTOOL_GGSO) ||
		ethtool_value(peer, ETHTOOL_GTSO))
		doctor_tell(d, FINDING_FAIL, port->name, fix,
			"%s, the far end of the veth %s, leaves checksums and segments to a NIC "
			"that "
			"is not there: frames arrive cut (drop rx_truncated)",
			peer, iface);
	else
		doctor_tell(d, FINDING_OK, port->name, "", "%s, a veth without offloads", iface);
}

static void
check_kernel_interface(struct doctor *d, const struct config_port *port, const char *iface)
{
	char line[32], fix[160];
	unsigned mtu;

	if (!doctor_read(d, line, sizeof(line), "/sys/class/net/%s/mtu", iface)) {
		doctor_tell(d, FINDING_FAIL, port->name,
			"ip -br link shows what there is; correct ports[].device",
			"there is no interface %s", iface);
		return;
	}
	mtu = strtoul(line, NULL, 10);
	if (mtu < port->mtu) {
		snprintf(fix, sizeof(fix), "ip link set %s mtu %u, or ports[].mtu: %u", iface,
			port->mtu, mtu);
		doctor_tell(d, FINDING_FAIL, port->name, fix,
			"%s has an MTU of %u, below the port's %u", iface, mtu, port->mtu);
	}
	if (!doctor_read(d, line, sizeof(line), "/sys/class/net/%s/flags", iface) ||
		(strtoul(line, NULL, 16) & IFF_UP) == 0) {
		snprintf(fix, sizeof(fix), "ip link set %s up", iface);
		doctor_tell(d, FINDING_FAIL, port->name, fix, "%s is down", iface);
	}
	if (has_addresses(iface)) {
		snprintf(fix, sizeof(fix), "ip link set %s addrgenmode none; ip addr flush dev %s",
			iface, iface);
		doctor_tell(d, FINDING_WARN, port->name, fix,
			"%s has addresses of the kernel's, which answers beside wgdp", iface);
	}
	if (is_veth(iface)) {
		check_veth(d, port, iface);
	} else if (ethtool_value(iface, ETHTOOL_GGRO)) {
		snprintf(fix, sizeof(fix), "ethtool -K %s gro off lro off", iface);
		doctor_tell(d, FINDING_FAIL, port->name, fix,
			"%s puts frames together (GRO) that are then longer than its MTU: they "
			"arrive "
			"cut (drop rx_truncated)",
			iface);
	} else {
		doctor_tell(d, FINDING_OK, port->name, "", "%s", iface);
	}
}

/* ---- all -------------------------------------------------------------------------- */

static void
check_port(struct doctor *d, const struct config_port *port)
{
	const char *iface = strstr(port->device, "iface=");
	char name[IF_NAMESIZE];

	if (is_pci(port->device)) {
		check_pci(d, port);
	} else if (strncmp(port->device, "net_af_", 7) == 0 && iface != NULL) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(iface + 6, ","), iface + 6);
		check_kernel_interface(d, port, name);
	} else {
		doctor_tell(d, FINDING_OK, port->name, "", "%s", port->device);
	}
}

/* A full packet, and the tunnel's headers around it, have to fit into a frame. */
static void
check_mtu(struct doctor *d)
{
	const struct config *c = d->config;
	unsigned least = UINT16_MAX;
	char fix[96];

	for (unsigned i = 0; i < c->n_ports; i++)
		if (c->ports[i].mtu < least)
			least = c->ports[i].mtu;
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		const struct config_interface *f = &c->interfaces[i];

		snprintf(fix, sizeof(fix), "interfaces[].mtu: %u, and the same for its clients",
			least - OVERHEAD);
		if ((unsigned)f->mtu + OVERHEAD > least)
			doctor_tell(d, FINDING_WARN, "mtu", fix,
				"%s: %u and %u of headers are more than the %u of a port: full "
				"packets would not fit (drop over_mtu)",
				f->name, f->mtu, OVERHEAD, least);
		else
			doctor_tell(d, FINDING_OK, "mtu", "", "%s: %u fits into %u", f->name,
				f->mtu, least);
	}
}

void
doctor_ports(struct doctor *d)
{
	bool pci = false;

	for (unsigned i = 0; i < d->config->n_ports; i++)
		pci |= is_pci(d->config->ports[i].device);
	if (pci)
		check_iommu(d);
	for (unsigned i = 0; i < d->config->n_ports; i++)
		check_port(d, &d->config->ports[i]);
	check_mtu(d);
}
