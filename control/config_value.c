/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_value.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "control/config.h"

#define TEXT_MAX 4095 /* bytes of any value; PATH_MAX without the terminator */

/* "a, b or c" */
static const char *
describe_choices(char buf[VALUE_DESCRIPTION_SIZE], const char *const *choices)
{
	size_t n = 0;

	for (; *choices != NULL; choices++)
		n += snprintf(buf + n, VALUE_DESCRIPTION_SIZE - n, "%s%s",
			n == 0               ? ""
			: choices[1] != NULL ? ", "
					     : " or ",
			*choices);
	return buf;
}

const char *
value_describe(char buf[VALUE_DESCRIPTION_SIZE], const struct key_rule *k)
{
	switch (k->type) {
	case VALUE_UINT:
		snprintf(buf, VALUE_DESCRIPTION_SIZE, "a whole number from %u to %u", k->min,
			k->max);
		return buf;
	case VALUE_BOOL:
		return "true or false";
	case VALUE_CHOICE:
		return describe_choices(buf, k->choices);
	case VALUE_NAME:
		return "a name of 1 to 15 letters, digits, '_', '=', '+', '.' or '-'";
	case VALUE_TEXT:
		snprintf(buf, VALUE_DESCRIPTION_SIZE, "a text of at most %u printable characters",
			k->max);
		return buf;
	case VALUE_PATH:
		return "the path of a file";
	case VALUE_OWN:
		return "an own unicast address with its network's length, as 192.0.2.1/24";
	case VALUE_NET:
		return "a network, as 192.0.2.0/24";
	case VALUE_ADDR:
		return "an IP address";
	case VALUE_MODE:
		return "an octal mode from 0600 to 0777, with read and write for its owner";
	case VALUE_LOOPBACK:
		return "ADDRESS:PORT on the loopback, such as 127.0.0.1:9586 (there is no "
		       "authentication)";
	case VALUE_GROUP:
		return "the name of a group of this system";
	case VALUE_USER:
		return "the name of a user of this system";
	}
	return "nothing";
}

bool
config_name_valid(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=+.-");

	return n >= 1 && n < CONFIG_NAME_SIZE && name[n] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static bool
read_uint(const struct key_rule *k, const struct ynode *node, void *field)
{
	const char *s = node->text;
	uint64_t v;

	/* A leading zero would mean octal to some readers of YAML. */
	if (node->quoted || node->n > 9 || node->n == 0 || strspn(s, "0123456789") != node->n ||
		(s[0] == '0' && node->n > 1))
		return false;
	v = strtoull(s, NULL, 10);
	if (v < k->min || v > k->max)
		return false;
	if (k->size == sizeof(uint16_t))
		*(uint16_t *)field = v;
	else
		*(uint32_t *)field = v;
	return true;
}

static bool
read_choice(const struct key_rule *k, const struct ynode *node, void *field)
{
	for (unsigned i = 0; k->choices[i] != NULL; i++) {
		if (strcmp(node->text, k->choices[i]) != 0)
			continue;
		if (k->size == sizeof(bool))
			*(bool *)field = i;
		else
			*(uint32_t *)field = i;
		return true;
	}
	return false;
}

static bool
is_printable(const struct ynode *node)
{
	for (uint32_t i = 0; i < node->n; i++) {
		if ((unsigned char)node->text[i] < 0x20 || node->text[i] == 0x7f)
			return false;
	}
	return node->n > 0 && node->n <= TEXT_MAX;
}

/* A relative path is relative to the directory of the configuration. */
static char *
resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *out;

	if (path[0] == '/' || slash == NULL)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - file), file, path) < 0)
		return NULL;
	return out;
}

/* An address that an interface can have, with its length written out. */
static bool
read_own(const struct ynode *node, struct ip_prefix *out)
{
	struct ip_prefix net;
	struct ip_addr *a = &out->addr;
	unsigned bits;

	if (strchr(node->text, '/') == NULL || !ip_prefix_parse(out, node->text) || out->len == 0)
		return false;
	if (a->family == IP_V6) {
		/* Ports have link-local addresses of themselves; ::/8 holds special ones. */
		return a->bytes[0] != 0xff && !ip_addr_is_link_local(a) && a->bytes[0] != 0;
	}
	if (a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224)
		return false;
	/* The first and last of a network are no host's, but with 31 bits (RFC 3021). */
	net = ip_prefix_network(out);
	bits = 32 - out->len;
	if (bits >= 2) {
		uint32_t host = 0, mask = (1u << bits) - 1;

		for (int i = 0; i < 4; i++)
			host = host << 8 | (a->bytes[i] ^ net.addr.bytes[i]);
		return host != 0 && host != mask;
	}
	return true;
}

static bool
read_net(const struct ynode *node, struct ip_prefix *out)
{
	struct ip_prefix net;

	if (!ip_prefix_parse(out, node->text))
		return false;
	net = ip_prefix_network(out);
	return ip_prefix_equal(&net, out);
}

static bool
read_mode(const struct ynode *node, mode_t *out)
{
	unsigned long v;

	if (node->n < 3 || node->n > 4 || strspn(node->text, "01234567") != node->n)
		return false;
	v = strtoul(node->text, NULL, 8);
	*out = v;
	return v <= 0777 && (v & 0600) == 0600;
}

static bool
read_loopback(const struct ynode *node, struct ip_endpoint *out)
{
	static const uint8_t v6[16] = {[15] = 1};

	if (!ip_endpoint_parse(out, node->text))
		return false;
	if (out->addr.family == IP_V4)
		return out->addr.bytes[0] == 127;
	return memcmp(out->addr.bytes, v6, sizeof(v6)) == 0;
}

static bool
read_group(const struct ynode *node, gid_t *out)
{
	struct group g, *found = NULL;
	char buf[16384];

	if (getgrnam_r(node->text, &g, buf, sizeof(buf), &found) != 0 || found == NULL)
		return false;
	*out = found->gr_gid;
	return true;
}

static bool
read_user(const struct ynode *node, uid_t *out)
{
	struct passwd p, *found = NULL;
	char buf[16384];

	if (getpwnam_r(node->text, &p, buf, sizeof(buf), &found) != 0 || found == NULL)
		return false;
	*out = found->pw_uid;
	return true;
}

bool
value_read(const struct key_rule *k, const struct ynode *node, const char *file, void *field)
{
	switch (k->type) {
	case VALUE_UINT:
		return read_uint(k, node, field);
	case VALUE_BOOL:
		*(bool *)field = strcmp(node->text, "true") == 0;
		return !node->quoted && (*(bool *)field || strcmp(node->text, "false") == 0);
	case VALUE_CHOICE:
		return read_choice(k, node, field);
	case VALUE_NAME:
		if (!config_name_valid(node->text))
			return false;
		memcpy(field, node->text, node->n + 1);
		return true;
	case VALUE_TEXT:
		if (!is_printable(node) || node->n < k->min || node->n > k->max)
			return false;
		*(char **)field = strdup(node->text);
		return true;
	case VALUE_PATH:
		if (!is_printable(node))
			return false;
		*(char **)field = resolve(file, node->text);
		return true;
	case VALUE_OWN:
		return read_own(node, field);
	case VALUE_NET:
		return read_net(node, field);
	case VALUE_ADDR:
		return ip_addr_parse(field, node->text);
	case VALUE_MODE:
		return read_mode(node, field);
	case VALUE_LOOPBACK:
		return read_loopback(node, field);
	case VALUE_GROUP:
		return read_group(node, field);
	case VALUE_USER:
		return read_user(node, field);
	}
	return false;
}
