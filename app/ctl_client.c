/* SPDX-License-Identifier: BSD-3-Clause */
/* client-config: what a peer puts into its wg-quick file, or scans. */
#include "app/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qrencode.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"
#include "dataplane/addr.h"

#define MARGIN 4 /* light modules around the code, ISO/IEC 18004 */
/* NATs forget a mapping of UDP after 30 s and more. */
#define KEEPALIVE_DEFAULT "25"

/* ---- what the file says ------------------------------------------------------------- */

struct client {
	const json_t *interface, *peer;
	char private_key[KEY_STRLEN], preshared_key[KEY_STRLEN]; /* the latter empty: none */
	bool v4, v6; /* families of its addresses */
};

static int
read_secret(const char *file, const char *field, uint8_t key[KEY_LEN])
{
	return ctl_read_key(strcmp(file, "-") == 0 ? NULL : file, field, key);
}

/* The peer's private key, which has to be the one of its public key. */
static int
read_private_key(struct ctl *c, struct client *client)
{
	const char *file = ctl_option(c, "private-key-file");
	uint8_t key[KEY_LEN], public_key[KEY_LEN], expected[KEY_LEN];
	char err[256];
	int rc = CTL_OK;

	if (file == NULL)
		return ctl_usage("client-config needs --private-key-file FILE: the gateway only "
				 "knows public keys. add-peer --generate-key FILE makes one, - is "
				 "standard input");
	if (crypto_init(err, sizeof(err)) != 0)
		return ctl_refused("%s", err);
	if (read_secret(file, "private_key", key) != CTL_OK)
		return CTL_REFUSED;
	x25519_base(public_key, key);
	if (!key_parse(expected, ctl_text(client->peer, "public_key")) ||
		!crypto_equal(public_key, expected, KEY_LEN))
		rc = ctl_refused("private_key: %s: not that of peer %s", file,
			ctl_text(client->peer, "name"));
	key_format(client->private_key, key);
	crypto_wipe(key, sizeof(key));
	return rc;
}

static int
read_preshared_key(struct ctl *c, struct client *client)
{
	const char *file = ctl_option(c, "preshared-key-file");
	bool wanted = json_is_true(json_object_get(client->peer, "has_preshared_key"));
	uint8_t key[KEY_LEN];

	if (wanted && file == NULL)
		return ctl_refused(
			"preshared_key: %s has one, which the gateway does not hand out; "
			"give it with --preshared-key-file FILE",
			ctl_text(client->peer, "name"));
	if (!wanted && file != NULL)
		return ctl_refused("preshared_key: %s has none; wgdp-ctl set-peer %s %s "
				   "--preshared-key-file %s sets it",
			ctl_text(client->peer, "name"), c->args[0], ctl_text(client->peer, "name"),
			file);
	if (file == NULL)
		return CTL_OK;
	if (read_secret(file, "preshared_key", key) != CTL_OK)
		return CTL_REFUSED;
	key_format(client->preshared_key, key);
	crypto_wipe(key, sizeof(key));
	return CTL_OK;
}

/* Is p an address in one of the interface's networks? */
static bool
is_tunnel_address(const struct client *client, const struct ip_prefix *p)
{
	struct ip_prefix network;
	json_t *item;
	size_t i;

	if (p->len != (p->addr.family == IP_V4 ? 32 : 128))
		return false;
	json_array_foreach(json_object_get(client->interface, "addresses"), i, item)
		if (ip_prefix_parse(&network, json_string_value(item)) &&
			ip_prefix_contains(&network, &p->addr))
			return true;
	return false;
}

/* "Address = ...", of the allowed-IPs that are addresses of the tunnel. */
static int
print_addresses(FILE *out, struct client *client)
{
	struct ip_prefix p;
	bool any = false;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(client->peer, "allowed_ips"), i, item) {
		if (!ip_prefix_parse(&p, json_string_value(item)) || !is_tunnel_address(client, &p))
			continue;
		fprintf(out, "%s%s", any ? ", " : "Address = ", json_string_value(item));
		*(p.addr.family == IP_V4 ? &client->v4 : &client->v6) = true;
		any = true;
	}
	if (!any)
		return ctl_refused("allowed_ips: none of %s is an address of a network of %s, so "
				   "there is none to give the client",
			ctl_text(client->peer, "name"), ctl_text(client->interface, "name"));
	fputc('\n', out);
	return CTL_OK;
}

static int
print_peer_section(struct ctl *c, FILE *out, const struct client *client)
{
	const char *endpoint = ctl_option(c, "endpoint"), *allowed = ctl_option(c, "allowed-ips");
	const char *keepalive = ctl_option(c, "persistent-keepalive");

	if (endpoint == NULL)
		endpoint = json_string_value(
			json_array_get(json_object_get(client->interface, "endpoints"), 0));
	if (endpoint == NULL)
		return ctl_refused("endpoint: the gateway has no address to name; give --endpoint "
				   "HOST:PORT");
	if (strrchr(endpoint, ':') == NULL)
		return ctl_usage("--endpoint %s: expected HOST:PORT", endpoint);
	fprintf(out, "\n[Peer]\nPublicKey = %s\n", ctl_text(client->interface, "public_key"));
	if (client->preshared_key[0] != '\0')
		fprintf(out, "PresharedKey = %s\n", client->preshared_key);
	fprintf(out, "Endpoint = %s\n", endpoint);
	if (allowed != NULL)
		fprintf(out, "AllowedIPs = %s\n", allowed);
	else
		fprintf(out, "AllowedIPs = %s%s%s\n", client->v4 ? "0.0.0.0/0" : "",
			client->v4 && client->v6 ? ", " : "", client->v6 ? "::/0" : "");
	if (keepalive == NULL || strcmp(keepalive, "off") != 0)
		fprintf(out, "PersistentKeepalive = %s\n",
			keepalive != NULL ? keepalive : KEEPALIVE_DEFAULT);
	return CTL_OK;
}

static int
print_file(struct ctl *c, FILE *out, struct client *client)
{
	const char *dns = ctl_option(c, "dns");

	fprintf(out, "[Interface]\nPrivateKey = %s\n", client->private_key);
	if (print_addresses(out, client) != CTL_OK)
		return CTL_REFUSED;
	if (dns != NULL)
		fprintf(out, "DNS = %s\n", dns);
	fprintf(out, "MTU = %u\n", (unsigned)ctl_number(client->interface, "mtu"));
	return print_peer_section(c, out, client);
}

/* ---- the code ------------------------------------------------------------------------- */

static bool
is_dark(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return false;
	return code->data[y * code->width + x] & 1;
}

/*
 * Two modules a character, one above the other. Light ones are drawn: most
 * terminals are dark, and with colour the others are made so.
 */
static int
print_code(const char *text)
{
	static const char *const blocks[] = {"█", "▀", "▄", " "};
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	bool colour = ctl_tone_start(CTL_GOOD)[0] != '\0';

	if (code == NULL)
		return ctl_refused("this is too much for a code: %s", strerror(errno));
	for (int y = -MARGIN; y < code->width + MARGIN; y += 2) {
		fputs(colour ? "\033[97;40m" : "", stdout);
		for (int x = -MARGIN; x < code->width + MARGIN; x++)
			fputs(blocks[is_dark(code, x, y) * 2 + is_dark(code, x, y + 1)], stdout);
		puts(colour ? "\033[0m" : "");
	}
	explicit_bzero(code->data, (size_t)code->width * code->width);
	QRcode_free(code);
	return CTL_OK;
}

static int
output(struct ctl *c, const char *text)
{
	if (c->json)
		return ctl_print_json(json_pack("{ss}", "config", text));
	if (ctl_option(c, "qr") != NULL)
		return print_code(text);
	fputs(text, stdout);
	return CTL_OK;
}

int
ctl_client_config(struct ctl *c)
{
	const char *path[] = {"interfaces", c->args[0], NULL};
	json_t *interface = NULL, *peer = NULL;
	struct client client = {0};
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int rc;

	if (ctl_request(c, "GET", NULL, false, &interface, path, NULL) != CTL_OK)
		return CTL_REFUSED;
	rc = ctl_peer_request(c, "GET", NULL, NULL, &peer);
	client.interface = interface;
	client.peer = peer;
	if (rc == CTL_OK)
		rc = read_private_key(c, &client);
	if (rc == CTL_OK)
		rc = read_preshared_key(c, &client);
	out = open_memstream(&text, &size);
	if (out == NULL)
		abort();
	if (rc == CTL_OK)
		rc = print_file(c, out, &client);
	fclose(out);
	if (rc == CTL_OK)
		rc = output(c, text);
	explicit_bzero(text, size);
	free(text);
	crypto_wipe(&client, sizeof(client));
	json_decref(interface);
	json_decref(peer);
	return rc;
}
