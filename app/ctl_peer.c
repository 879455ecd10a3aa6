/* SPDX-License-Identifier: BSD-3-Clause */
/* add-peer, set-peer, del-peer. Values are checked by the gateway, which names the field. */
#include "app/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/key.h"
#include "control/peer_db.h"
#include "crypto_accel/crypto_accel.h"

static json_t *
split_prefixes(const char *list)
{
	json_t *array = json_array();

	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		json_array_append_new(array, json_stringn(list, len));
		list += len;
		list += *list == ',';
	}
	return array;
}

/* A number if it is one; else the gateway gets to see, and to refuse, the text. */
static json_t *
keepalive(const char *s)
{
	if (strcmp(s, "off") == 0)
		return json_integer(0);
	if (*s != '\0' && strlen(s) < 10 && s[strspn(s, "0123456789")] == '\0')
		return json_integer(atol(s));
	return json_string(s);
}

static int
read_preshared_key(const char *path, json_t *body)
{
	uint8_t key[KEY_LEN];
	char text[KEY_STRLEN];

	if (ctl_read_key(path, "preshared_key", key) != CTL_OK)
		return CTL_REFUSED;
	json_object_set_new(body, "preshared_key", json_string(key_format(text, key)));
	crypto_wipe(key, sizeof(key));
	crypto_wipe(text, sizeof(text));
	return CTL_OK;
}

/* Options that add-peer and set-peer share; with `unset`, "none" clears. */
static int
fill_body(struct ctl *c, json_t *body, bool unset)
{
	const char *allowed = ctl_option(c, "allowed-ips"), *endpoint = ctl_option(c, "endpoint");
	const char *psk = ctl_option(c, "preshared-key-file");
	const char *seconds = ctl_option(c, "persistent-keepalive");

	if (allowed != NULL)
		json_object_set_new(body, "allowed_ips", split_prefixes(allowed));
	if (seconds != NULL)
		json_object_set_new(body, "persistent_keepalive", keepalive(seconds));
	if (endpoint != NULL)
		json_object_set_new(body, "endpoint",
			unset && strcmp(endpoint, "none") == 0 ? json_null()
							       : json_string(endpoint));
	if (psk == NULL)
		return CTL_OK;
	if (unset && strcmp(psk, "none") == 0) {
		json_object_set_new(body, "preshared_key", json_null());
		return CTL_OK;
	}
	return read_preshared_key(psk, body);
}

/* Allowed-IPs have one owner: who had them until now has to be known. */
static void
warn_taken(const json_t *answer)
{
	json_t *from = json_object_get(answer, "taken_from");
	char *names;

	if (json_array_size(from) == 0)
		return;
	names = ctl_join(from, SIZE_MAX);
	ctl_warn("warning: some of its allowed ips were those of %s until now; give them back with "
		 "set-peer if that was not meant",
		names);
	free(names);
}

static int
finish(struct ctl *c, int rc, json_t *answer, const char *what)
{
	if (rc != CTL_OK)
		return rc;
	if (c->json)
		return ctl_print_json(answer != NULL ? answer : json_object());
	printf("%s: %s %s\n", c->args[0], c->args[1], what);
	warn_taken(answer);
	json_decref(answer);
	return CTL_OK;
}

/* ---- add-peer ----------------------------------------------------------------------- */

/*
 * A new private key in a file of its own, mode 0600, which must not be there yet:
 * it may hold the only copy of another. Its public key in base64.
 */
static int
generate_key(const char *path, char public_text[KEY_STRLEN])
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	char text[KEY_STRLEN + 1], err[256];
	int fd;
	bool ok;

	if (crypto_init(err, sizeof(err)) != 0)
		return ctl_refused("%s", err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ctl_refused("--generate-key: %s: %s%s", path, strerror(errno),
			errno == EEXIST ? "; name a new file, or use its key: wgdp-ctl pubkey < "
					  "FILE prints the public key"
					: "");
	ctl_make_private_key(private_key);
	x25519_base(public_key, private_key);
	key_format(public_text, public_key);
	key_format(text, private_key);
	text[KEY_STRLEN - 1] = '\n';
	ok = write(fd, text, KEY_STRLEN) == KEY_STRLEN && fsync(fd) == 0;
	crypto_wipe(private_key, sizeof(private_key));
	crypto_wipe(text, sizeof(text));
	if (!ok) {
		ctl_refused("--generate-key: %s: %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return ok ? CTL_OK : CTL_REFUSED;
}

/* The body's key: the one that is given, or one that is made. */
static int
set_public_key(struct ctl *c, json_t *body)
{
	const char *key = ctl_option(c, "public-key"), *file = ctl_option(c, "generate-key");
	uint8_t public_key[KEY_LEN];
	char text[KEY_STRLEN];
	int rc;

	if (file != NULL) {
		rc = generate_key(file, text);
	} else {
		rc = ctl_public_key(key, public_key);
		if (rc == CTL_OK)
			key_format(text, public_key);
	}
	if (rc == CTL_OK)
		json_object_set_new(body, "public_key", json_string(text));
	return rc;
}

/* What the gateway chose, and what to do next. */
static int
tell_added(struct ctl *c, json_t *answer)
{
	const char *file = ctl_option(c, "generate-key");
	char *allowed = ctl_join(json_object_get(answer, "allowed_ips"), SIZE_MAX);

	if (c->json) {
		ctl_print_json(json_incref(answer));
	} else {
		printf("%s: %s added, allowed ips %s\n", c->args[0], c->args[1], allowed);
		warn_taken(answer);
		if (file != NULL)
			printf("Its private key is in %s. What the client needs:\n"
			       "  wgdp-ctl client-config %s %s --private-key-file %s\n",
				file, c->args[0], c->args[1], file);
	}
	free(allowed);
	json_decref(answer);
	return CTL_OK;
}

int
ctl_add_peer(struct ctl *c)
{
	const char *key = ctl_option(c, "public-key"), *file = ctl_option(c, "generate-key");
	const char *path[] = {"interfaces", c->args[0], "peers", c->args[1], NULL};
	json_t *body, *answer = NULL;
	int rc;

	if (key == NULL && file == NULL)
		return ctl_usage("add-peer needs --public-key KEY, or --generate-key FILE to make "
				 "the client's keys");
	if (key != NULL && file != NULL)
		return ctl_usage("--public-key and --generate-key exclude each other");
	if (ctl_option(c, "allowed-ips") == NULL)
		return ctl_usage("add-peer needs --allowed-ips PREFIX[,PREFIX...], or "
				 "--allowed-ips auto for the next free address");
	/* Here already, since the name is part of the path: a slash in it would be another route.
	 */
	if (!peer_name_valid(c->args[1]))
		return ctl_refused(
			"name: expected 1 to 63 of [A-Za-z0-9._-] that do not look like a key");
	body = json_object();
	rc = fill_body(c, body, false);
	if (rc == CTL_OK)
		rc = set_public_key(c, body);
	if (rc != CTL_OK) {
		json_decref(body);
		return rc;
	}
	rc = ctl_request(c, "PUT", body, true, &answer, path, NULL);
	if (rc != CTL_OK && file != NULL)
		unlink(file); /* ours, just made: nobody has the key */
	return rc == CTL_OK ? tell_added(c, answer) : rc;
}

/* ---- set-peer, del-peer ------------------------------------------------------------- */

int
ctl_set_peer(struct ctl *c)
{
	const char *name = ctl_option(c, "name");
	json_t *body = json_object(), *answer = NULL;
	int rc = fill_body(c, body, true);

	if (rc == CTL_OK && name != NULL)
		json_object_set_new(body, "name", json_string(name));
	if (rc == CTL_OK && json_object_size(body) == 0)
		rc = ctl_usage("set-peer needs something to change");
	if (rc != CTL_OK) {
		json_decref(body);
		return rc;
	}
	rc = ctl_peer_request(c, "PATCH", NULL, body, &answer);
	return finish(c, rc, answer, "changed");
}

int
ctl_del_peer(struct ctl *c)
{
	json_t *answer = NULL;
	int rc = ctl_peer_request(c, "DELETE", NULL, NULL, &answer);

	return finish(c, rc, answer, "removed");
}
