/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_schema.h"

#include <stdlib.h>
#include <string.h>

#include "control/config_value.h"
#include "dataplane/dataplane.h"

#define KEY_PATH_SIZE 160

struct section_rule {
	const char *name;
	const struct key_rule *keys;
	size_t n_keys;
	size_t offset; /* in struct config: of the struct, or of the pointer to a list of them */
	size_t item_size; /* 0 when it is no list */
	size_t count_offset;
	uint32_t n_min, n_max;
	const char *help;
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define MEMBERS(type, field, count, at_least, at_most) \
	.list = true, .offset = offsetof(type, field), .size = sizeof(*((type *)0)->field), \
	.count_offset = offsetof(type, count), .n_min = (at_least), .n_max = (at_most)

/* ---- the table ---------------------------------------------------------- */

static const char *const idle_choices[] = {"adaptive", "poll", NULL};
static const char *const metrics_peers_choices[] = {"never", "asked", "always", NULL};
static const char *const hairpin_choices[] = {"deny", "allow", NULL};

_Static_assert(CONFIG_METRICS_PEERS_NEVER == 0 && CONFIG_METRICS_PEERS_ASKED == 1 &&
		       CONFIG_METRICS_PEERS_ALWAYS == 2,
	"as metrics_peers_choices has them");
_Static_assert(CONFIG_IDLE_ADAPTIVE == 0 && CONFIG_IDLE_POLL == 1, "as idle_choices has them");

static const struct key_rule dataplane_keys[] = {
	{"control_lcore", VALUE_UINT, FIELD(struct config_dataplane, control_lcore), .max = 1023,
		.fallback = "0", .help = "CPU for handshakes, timers and publication"},
	{"worker_lcores", VALUE_UINT,
		MEMBERS(struct config_dataplane, worker_lcores, n_worker_lcores, 1, WORKER_MAX),
		.max = 1023, .fallback = "1",
		.help = "CPUs for packets, one worker each (on a machine of one CPU: 0)"},
	{"hugepages", VALUE_BOOL, FIELD(struct config_dataplane, hugepages), .fallback = "true",
		.help = "false takes ordinary memory, for trials"},
	{"memory_mb", VALUE_UINT, FIELD(struct config_dataplane, memory_mb), .min = 1,
		.max = 1048576, .fallback = "1024", .help = "memory for packets and tables, MiB"},
	{"max_peers", VALUE_UINT, FIELD(struct config_dataplane, max_peers), .min = 1,
		.max = 1000000, .fallback = "10000", .help = "of all interfaces together"},
	{"idle", VALUE_CHOICE, FIELD(struct config_dataplane, idle), .choices = idle_choices,
		.fallback = "adaptive", .help = "nap without traffic, or never sleep"},
	{"eal_args", VALUE_TEXT, MEMBERS(struct config_dataplane, eal_args, n_eal_args, 0, 64),
		.min = 1, .max = 255, .fallback = "", .help = "more arguments for DPDK's EAL"},
};

static const struct key_rule port_keys[] = {
	{"name", VALUE_NAME, FIELD(struct config_port, name), .help = "in messages and metrics"},
	{"device", VALUE_TEXT, FIELD(struct config_port, device), .min = 1, .max = 255,
		.help = "PCI address, or DPDK virtual device with its arguments"},
	{"mtu", VALUE_UINT, FIELD(struct config_port, mtu), .min = 576, .max = 9216,
		.fallback = "1500", .help = "of IP packets, bytes; 1280 or more with IPv6"},
	{"addresses", VALUE_OWN,
		MEMBERS(struct config_port, addresses, n_addresses, 1, PORT_ADDR_MAX),
		.help = "own addresses, with the length of the network around each"},
};

static const struct key_rule route_keys[] = {
	{"to", VALUE_NET, FIELD(struct config_route, to), .help = "destination; 0.0.0.0/0 for all"},
	{"via", VALUE_ADDR, FIELD(struct config_route, via),
		.help = "next hop, in the network of a port"},
};

static const struct key_rule interface_keys[] = {
	{"name", VALUE_NAME, FIELD(struct config_interface, name), .help = "as wg shows it"},
	{"private_key_file", VALUE_PATH, FIELD(struct config_interface, private_key_file),
		.help = "holds the private key, as wg genkey writes it"},
	{"listen_port", VALUE_UINT, FIELD(struct config_interface, listen_port), .min = 1,
		.max = 65535, .help = "UDP port, on the addresses of all ports"},
	{"addresses", VALUE_OWN,
		MEMBERS(struct config_interface, addresses, n_addresses, 0, PORT_ADDR_MAX),
		.fallback = "", .help = "own addresses in the tunnel"},
	{"mtu", VALUE_UINT, FIELD(struct config_interface, mtu), .min = 576, .max = 9000,
		.fallback = "1420", .help = "of packets in the tunnel; 1280 or more with IPv6"},
	{"hairpin", VALUE_CHOICE, FIELD(struct config_interface, hairpin),
		.choices = hairpin_choices, .fallback = "allow",
		.help = "forwarding from peer to peer"},
	{"peer_db", VALUE_PATH, FIELD(struct config_interface, peer_db),
		.help = "holds the peers; wgdp rewrites it when they change"},
	{"unknown_peer_hook", VALUE_PATH, FIELD(struct config_interface, unknown_peer_hook),
		.live = true, .fallback = "",
		.help = "socket that is asked whether a client with an unknown key may come in"},
	{"unknown_peer_idle", VALUE_UINT, FIELD(struct config_interface, unknown_peer_idle),
		.live = true, .min = 1, .max = 31536000, .fallback = "900",
		.help = "seconds without a packet after which a peer that the hook let in goes"},
};

static const struct key_rule control_keys[] = {
	{"socket", VALUE_PATH, FIELD(struct config_control, socket),
		.fallback = "/run/wgdp/control.sock", .help = "HTTP for wgdp-ctl and others"},
	{"mode", VALUE_MODE, FIELD(struct config_control, mode), .fallback = "0660",
		.help = "permissions of the socket"},
	{"owner", VALUE_USER, FIELD(struct config_control, owner),
		.count_offset = offsetof(struct config_control, has_owner), .fallback = "",
		.help = "user who owns the sockets, by name"},
	{"group", VALUE_GROUP, FIELD(struct config_control, group),
		.count_offset = offsetof(struct config_control, has_group), .fallback = "",
		.help = "group of the socket, by name"},
	{"readonly_socket", VALUE_PATH, FIELD(struct config_control, readonly_socket),
		.fallback = "", .help = "a second socket, on which nothing can be changed"},
	{"readonly_mode", VALUE_MODE, FIELD(struct config_control, readonly_mode),
		.fallback = "0660", .help = "permissions of that one"},
	{"readonly_group", VALUE_GROUP, FIELD(struct config_control, readonly_group),
		.count_offset = offsetof(struct config_control, has_readonly_group), .fallback = "",
		.help = "group of that one"},
	{"metrics_listen", VALUE_LOOPBACK, FIELD(struct config_control, metrics_listen),
		.fallback = "", .help = "GET /metrics by TCP, for Prometheus on this machine"},
	{"metrics_peers", VALUE_CHOICE, FIELD(struct config_control, metrics_peers),
		.choices = metrics_peers_choices, .fallback = "asked",
		.help = "series for each peer: never, with ?peers=true, or always"},
	{"uapi_dir", VALUE_PATH, FIELD(struct config_control, uapi_dir),
		.fallback = "/var/run/wireguard", .help = "where wg looks for sockets"},
};

static const struct key_rule hardening_keys[] = {
	{"drop_capabilities", VALUE_BOOL, FIELD(struct config_hardening, drop_capabilities),
		.fallback = "true", .help = "keep none but what the ports need"},
	{"seccomp", VALUE_BOOL, FIELD(struct config_hardening, seccomp), .fallback = "true",
		.help = "allow only the system calls that a running gateway makes"},
	{"core_dumps", VALUE_BOOL, FIELD(struct config_hardening, core_dumps), .fallback = "false",
		.help = "true for debugging: a dump holds all keys"},
};

static const struct section_rule sections[] = {
	{"dataplane", dataplane_keys, COUNT(dataplane_keys), offsetof(struct config, dataplane),
		.help = "the machine"},
	{"ports", port_keys, COUNT(port_keys), offsetof(struct config, ports),
		sizeof(struct config_port), offsetof(struct config, n_ports), 1, PORT_MAX,
		"network ports"},
	{"routes", route_keys, COUNT(route_keys), offsetof(struct config, routes),
		sizeof(struct config_route), offsetof(struct config, n_routes), 0, ROUTE_MAX,
		"static routes"},
	{"interfaces", interface_keys, COUNT(interface_keys), offsetof(struct config, interfaces),
		sizeof(struct config_interface), offsetof(struct config, n_interfaces), 1,
		IFACE_MAX, "WireGuard interfaces"},
	{"control", control_keys, COUNT(control_keys), offsetof(struct config, control),
		.help = "management"},
	{"hardening", hardening_keys, COUNT(hardening_keys), offsetof(struct config, hardening),
		.help = "what the process gives up once it runs"},
};

struct reader {
	const char *file;
	char *err;
	size_t err_size;
};

static int
no_memory(const struct reader *r)
{
	return yerror(r->err, r->err_size, r->file, 0, "file", "cannot be read: out of memory");
}

static int
read_value(const struct reader *r, const struct key_rule *k, const struct ynode *node,
	const char *path, void *field)
{
	char description[VALUE_DESCRIPTION_SIZE], found[YNODE_SHOW_SIZE];

	if (node->kind != YNODE_SCALAR || ynode_is_null(node) ||
		!value_read(k, node, r->file, field))
		return yerror(r->err, r->err_size, r->file, node->line, path,
			"expected %s, found %s", value_describe(description, k),
			ynode_show(found, node));
	if ((k->type == VALUE_TEXT || k->type == VALUE_PATH) && *(char **)field == NULL)
		return no_memory(r);
	return 0;
}

/* ---- keys and sections -------------------------------------------------- */

static int
read_members(const struct reader *r, const struct key_rule *k, const struct ynode *node,
	const char *path, char *item)
{
	char found[YNODE_SHOW_SIZE], member_path[KEY_PATH_SIZE + 16];
	unsigned *count = (unsigned *)(item + k->count_offset);
	char *array;

	if (!(node->kind == YNODE_LIST || ynode_is_null(node)))
		return yerror(r->err, r->err_size, r->file, node->line, path,
			"expected a list, found %s", ynode_show(found, node));
	/* An empty scalar has no members either, but counts its characters. */
	if ((node->first == NULL ? 0 : node->n) < k->n_min || (node->first && node->n > k->n_max))
		return yerror(r->err, r->err_size, r->file, node->line, path,
			"expected a list of %u to %u, found %u", k->n_min, k->n_max,
			node->first == NULL ? 0 : node->n);
	if (node->first == NULL)
		return 0;
	array = calloc(node->n, k->size);
	if (array == NULL)
		return no_memory(r);
	*(void **)(item + k->offset) = array;
	for (const struct ynode *m = node->first; m != NULL; m = m->next) {
		snprintf(member_path, sizeof(member_path), "%s[%u]", path, *count);
		if (read_value(r, k, m, member_path, array + *count * k->size) < 0)
			return -1;
		++*count;
	}
	return 0;
}

/* node is NULL when the key is absent; line is the item's. */
static int
read_key(const struct reader *r, const struct key_rule *k, const struct ynode *node, unsigned line,
	const char *path, char *item)
{
	char description[VALUE_DESCRIPTION_SIZE];
	struct ynode text = {.kind = YNODE_SCALAR, .line = line};
	struct ynode list = {.kind = YNODE_LIST, .line = line, .n = 1, .first = &text};

	if (node == NULL && k->fallback == NULL)
		return yerror(r->err, r->err_size, r->file, line, path,
			"expected %s%s, found nothing", k->list ? "a list; each member " : "",
			value_describe(description, k));
	if (node == NULL && k->fallback[0] == '\0')
		return 0;
	if (node == NULL) {
		text.text = k->fallback;
		text.n = strlen(k->fallback);
		node = k->list ? &list : &text;
	}
	if (k->list)
		return read_members(r, k, node, path, item);
	if (read_value(r, k, node, path, item + k->offset) < 0)
		return -1;
	if (k->type == VALUE_GROUP || k->type == VALUE_USER)
		*(bool *)(item + k->count_offset) = true;
	return 0;
}

/* "expected a, b or c" */
static int
unknown_key(
	const struct reader *r, unsigned line, const char *path, const char *const *names, size_t n)
{
	char list[256] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			i == 0      ? ""
			: i + 1 < n ? ", "
				    : " or ",
			names[i]);
	return yerror(r->err, r->err_size, r->file, line, path, "unknown key, expected %s", list);
}

/* One map: a section, or one member of a section that is a list. */
static int
read_item(const struct reader *r, const struct section_rule *s, const struct ynode *map,
	const char *path, char *item)
{
	char key_path[KEY_PATH_SIZE], found[YNODE_SHOW_SIZE];
	const char *names[16];

	if (map->kind != YNODE_MAP && !(ynode_is_null(map) && s->item_size == 0))
		return yerror(r->err, r->err_size, r->file, map->line, path,
			"expected keys with values, found %s", ynode_show(found, map));
	for (const struct ynode *m = map->first; m != NULL; m = m->next) {
		size_t i = 0;

		while (i < s->n_keys && strcmp(s->keys[i].name, m->key) != 0)
			i++;
		if (i < s->n_keys)
			continue;
		for (i = 0; i < s->n_keys; i++)
			names[i] = s->keys[i].name;
		snprintf(key_path, sizeof(key_path), "%s.%.64s", path, m->key);
		return unknown_key(r, m->line, key_path, names, s->n_keys);
	}
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct key_rule *k = &s->keys[i];

		snprintf(key_path, sizeof(key_path), "%s.%s", path, k->name);
		if (read_key(r, k, ynode_find(map, k->name), map->line, key_path, item) < 0)
			return -1;
	}
	return 0;
}

static int
read_section(const struct reader *r, const struct section_rule *s, const struct ynode *node,
	struct config *c)
{
	char *base = (char *)c, path[KEY_PATH_SIZE], found[YNODE_SHOW_SIZE];
	unsigned *count = (unsigned *)(base + s->count_offset);
	char *array;

	if (s->item_size == 0)
		return read_item(r, s, node, s->name, base + s->offset);
	if (node->kind != YNODE_LIST && !ynode_is_null(node))
		return yerror(r->err, r->err_size, r->file, node->line, s->name,
			"expected a list, found %s", ynode_show(found, node));
	if (node->first == NULL && s->n_min == 0)
		return 0;
	if (node->first == NULL || node->n > s->n_max)
		return yerror(r->err, r->err_size, r->file, node->line, s->name,
			"expected a list of %u to %u, found %u", s->n_min, s->n_max,
			node->first == NULL ? 0 : node->n);
	array = calloc(node->n, s->item_size);
	if (array == NULL)
		return no_memory(r);
	*(void **)(base + s->offset) = array;
	for (const struct ynode *m = node->first; m != NULL; m = m->next) {
		snprintf(path, sizeof(path), "%s[%u]", s->name, *count);
		++*count; /* before it is read: what of it was read is freed */
		if (read_item(r, s, m, path, array + (*count - 1) * s->item_size) < 0)
			return -1;
	}
	return 0;
}

int
schema_read(const struct ynode *root, struct config *out, char *err, size_t err_size)
{
	const struct reader r = {out->path, err, err_size};
	const struct ynode none = {.kind = YNODE_SCALAR, .text = "", .line = root->line};
	const char *names[COUNT(sections)];

	for (size_t i = 0; i < COUNT(sections); i++)
		names[i] = sections[i].name;
	for (const struct ynode *m = root->first; m != NULL; m = m->next) {
		size_t i = 0;

		while (i < COUNT(sections) && strcmp(names[i], m->key) != 0)
			i++;
		if (i == COUNT(sections))
			return unknown_key(&r, m->line, m->key, names, COUNT(sections));
	}
	for (size_t i = 0; i < COUNT(sections); i++) {
		const struct ynode *node = ynode_find(root, sections[i].name);

		if (read_section(&r, &sections[i], node != NULL ? node : &none, out) < 0)
			return -1;
	}
	return 0;
}

/* ---- comparing ---------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_value(const struct key_rule *k, const char *a, const char *b)
{
	switch (k->type) {
	case VALUE_TEXT:
	case VALUE_PATH:
		return same_text(*(char *const *)(const void *)a, *(char *const *)(const void *)b);
	case VALUE_NAME:
		return strcmp(a, b) == 0;
	default:
		return memcmp(a, b, k->size) == 0; /* no structure here has padding */
	}
}

/* Of one key in two items. */
static bool
same_key(const struct key_rule *k, const char *a, const char *b)
{
	unsigned n, m;

	if (k->type == VALUE_GROUP || k->type == VALUE_USER) {
		bool has = *(const bool *)(a + k->count_offset);

		if (has != *(const bool *)(b + k->count_offset))
			return false;
		return !has || same_value(k, a + k->offset, b + k->offset);
	}
	if (!k->list)
		return same_value(k, a + k->offset, b + k->offset);
	memcpy(&n, a + k->count_offset, sizeof(n));
	memcpy(&m, b + k->count_offset, sizeof(m));
	memcpy(&a, a + k->offset, sizeof(a));
	memcpy(&b, b + k->offset, sizeof(b));
	for (unsigned i = 0; n == m && i < n; i++)
		if (!same_value(k, a + i * k->size, b + i * k->size))
			return false;
	return n == m;
}

static void
compare_section(const struct section_rule *s, const char *a, const char *b, schema_difference *tell,
	void *arg)
{
	char path[KEY_PATH_SIZE];
	unsigned n = 1, m = 1;

	if (s->item_size != 0) {
		memcpy(&n, a + s->count_offset, sizeof(n));
		memcpy(&m, b + s->count_offset, sizeof(m));
		if (n != m) {
			tell(arg, s->name, false);
			return;
		}
		memcpy(&a, a + s->offset, sizeof(a));
		memcpy(&b, b + s->offset, sizeof(b));
	} else {
		a += s->offset;
		b += s->offset;
	}
	for (unsigned i = 0; i < n; i++, a += s->item_size, b += s->item_size) {
		for (size_t k = 0; k < s->n_keys; k++) {
			if (same_key(&s->keys[k], a, b))
				continue;
			if (s->item_size != 0)
				snprintf(path, sizeof(path), "%s[%u].%s", s->name, i,
					s->keys[k].name);
			else
				snprintf(path, sizeof(path), "%s.%s", s->name, s->keys[k].name);
			tell(arg, path, s->keys[k].live);
		}
	}
}

void
schema_compare(const struct config *a, const struct config *b, schema_difference *tell, void *arg)
{
	for (size_t i = 0; i < COUNT(sections); i++)
		compare_section(&sections[i], (const char *)a, (const char *)b, tell, arg);
}

/* ---- freeing and help --------------------------------------------------- */

static void
free_key(const struct key_rule *k, char *item)
{
	bool text = k->type == VALUE_TEXT || k->type == VALUE_PATH;
	char **field = (char **)(item + k->offset);

	if (k->list) {
		unsigned n = *(unsigned *)(item + k->count_offset);

		for (unsigned i = 0; text && i < n; i++)
			free(((char **)*field)[i]);
	}
	if (k->list || text)
		free(*field);
}

void
schema_free(struct config *c)
{
	for (size_t i = 0; i < COUNT(sections); i++) {
		const struct section_rule *s = &sections[i];
		char *base = (char *)c, *items = base + s->offset;
		unsigned n = 1;

		if (s->item_size != 0) {
			n = *(unsigned *)(base + s->count_offset);
			items = *(char **)items;
		}
		for (unsigned j = 0; j < n; j++) {
			for (size_t k = 0; k < s->n_keys; k++)
				free_key(&s->keys[k], items + j * s->item_size);
		}
		if (s->item_size != 0)
			free(items);
	}
}

void
config_print_help(FILE *out)
{
	char description[VALUE_DESCRIPTION_SIZE];

	for (size_t i = 0; i < COUNT(sections); i++) {
		const struct section_rule *s = &sections[i];

		fprintf(out, "%s%s:  # %s%s\n", i > 0 ? "\n" : "", s->name, s->help,
			s->item_size == 0 ? ""
			: s->n_min > 0    ? ", a list of one or more"
					  : ", a list");
		for (size_t j = 0; j < s->n_keys; j++) {
			const struct key_rule *k = &s->keys[j];

			fprintf(out, "  %s: %s%s\n", k->name, k->list ? "a list; each member " : "",
				value_describe(description, k));
			if (k->fallback == NULL)
				fprintf(out, "      %s; required\n", k->help);
			else
				fprintf(out, "      %s; default %s\n", k->help,
					k->fallback[0] == '\0' ? "none" : k->fallback);
		}
	}
}
