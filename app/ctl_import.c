/* SPDX-License-Identifier: BSD-3-Clause */
/* import-conf: from a wg-quick file to wgdp's files, or to a running gateway. */
#include "app/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/wg_conf.h"
#include "control/config.h"
#include "control/key.h"
#include "control/peer_db_text.h"
#include "crypto_accel/crypto_accel.h"

#define FILE_MAX (64u << 20) /* some 100 000 peers and room */
#define PORT_DEFAULT 51820
#define MTU_DEFAULT 1420

struct import {
	struct ctl *c;
	const char *file;
	const char *dir; /* where the files go */
	char name[CONFIG_NAME_SIZE]; /* of the interface */
	struct wg_conf conf;
	unsigned errors, unsupported;
	char made[3][PATH_MAX]; /* to be taken back */
	unsigned n_made;
};

/* ---- reading ---------------------------------------------------------------------- */

static void
tell(void *arg, const struct wg_conf_problem *p)
{
	struct import *im = arg;

	(*(p->unsupported ? &im->unsupported : &im->errors))++;
	fprintf(stderr, "%s:%u: %s: %s\n", im->file, p->line, p->key, p->text);
}

static char *
read_text(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX) {
		text = malloc((size_t)st.st_size + 1);
		if (text == NULL)
			abort();
		n = read(fd, text, st.st_size);
	} else if (fd >= 0) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EFBIG;
	}
	if (n < 0)
		ctl_refused("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*size = n;
	if (strlen(text) != (size_t)n) {
		ctl_refused("%s: not a text file", path);
		free(text);
		return NULL;
	}
	return text;
}

static int
parse(struct import *im)
{
	size_t size;
	char *text = read_text(im->file, &size);

	if (text == NULL)
		return CTL_REFUSED;
	wg_conf_parse(text, &im->conf, tell, im);
	crypto_wipe(text, size);
	free(text);
	if (im->errors > 0)
		return ctl_refused("%s: %u error%s; nothing was imported", im->file, im->errors,
			im->errors == 1 ? "" : "s");
	if (im->unsupported > 0 && ctl_option(im->c, "skip-unsupported") == NULL)
		return ctl_refused("%s: nothing was imported; remove these lines, or leave them "
				   "out with --skip-unsupported",
			im->file);
	return CTL_OK;
}

/* ---- writing files ---------------------------------------------------------------- */

/* "DIR/NAMEsuffix", which must not be there yet; NULL, and told, when it is. */
static const char *
new_path(struct import *im, const char *name, const char *suffix)
{
	char *path = im->made[im->n_made];

	if (snprintf(path, PATH_MAX, "%s/%s%s", im->dir, name, suffix) >= PATH_MAX) {
		ctl_refused("%s: longer than a path can be", im->dir);
		return NULL;
	}
	if (access(path, F_OK) == 0) {
		ctl_refused("%s: is there already; choose another place with --output DIR", path);
		return NULL;
	}
	im->n_made++;
	return path;
}

/* mode 0600, since one of them is a key. */
static FILE *
create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (f == NULL)
		ctl_refused("%s: %s", path, strerror(errno));
	return f;
}

static int
finish(FILE *f, const char *path)
{
	bool bad = ferror(f) || fflush(f) != 0 || fsync(fileno(f)) != 0;
	int error = errno;

	fclose(f);
	return bad ? ctl_refused("%s: %s", path, strerror(error)) : CTL_OK;
}

static int
write_key(struct import *im)
{
	const char *path = new_path(im, im->name, ".key");
	char text[KEY_STRLEN];
	FILE *f = path != NULL ? create(path) : NULL;

	if (f == NULL)
		return CTL_REFUSED;
	setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
	fprintf(f, "%s\n", key_format(text, im->conf.private_key));
	crypto_wipe(text, sizeof(text));
	return finish(f, path);
}

static int
write_peers(struct import *im)
{
	const char *path = new_path(im, im->name, ".peers.yaml");
	struct peer_db_text text = {0};
	char err[CONFIG_ERROR_SIZE];
	struct file_id id;
	int rc;

	if (path == NULL)
		return CTL_REFUSED;
	for (size_t i = 0; i < im->conf.n_peers; i++)
		peer_db_text_add(&text, &im->conf.peers[i]);
	rc = peer_db_text_save(&text, path, NULL, &id, err, sizeof(err));
	peer_db_text_fini(&text);
	return rc == 0 ? CTL_OK : ctl_refused("%s", err);
}

static int
write_config(struct import *im)
{
	const struct wg_conf *conf = &im->conf;
	const char *path = new_path(im, "wgdp", ".yaml");
	char text[IP_PREFIX_STRLEN];
	FILE *f = path != NULL ? create(path) : NULL;

	if (f == NULL)
		return CTL_REFUSED;
	fprintf(f,
		"# Made of %s by wgdp-ctl import-conf. What that does not know are the ports: "
		"fill\n"
		"# them in, then: wgdp -c wgdp.yaml --check. man 5 wgdp.yaml explains each key.\n"
		"\n"
		"ports:\n"
		"#  - name: wan0\n"
		"#    device: \"0000:3b:00.0\"              # PCI address, bound to vfio-pci\n"
		"#    addresses: [192.0.2.1/24]           # of the gateway on this port\n"
		"#  - name: lan0\n"
		"#    device: \"net_af_packet0,iface=lan\"  # or a kernel interface\n"
		"#    addresses: [10.20.0.1/24]\n"
		"\n"
		"#routes:\n"
		"#  - {to: 0.0.0.0/0, via: 192.0.2.254}\n"
		"\n"
		"interfaces:\n"
		"  - name: \"%s\"\n"
		"    private_key_file: \"%s.key\"\n"
		"    listen_port: %u\n"
		"    addresses: [",
		im->file, im->name, im->name, conf->listen_port ? conf->listen_port : PORT_DEFAULT);
	for (unsigned i = 0; i < conf->n_addresses; i++)
		fprintf(f, "%s\"%s\"", i > 0 ? ", " : "",
			ip_prefix_format(text, &conf->addresses[i]));
	fprintf(f, "]\n    mtu: %u\n    peer_db: \"%s.peers.yaml\"\n",
		conf->mtu ? conf->mtu : MTU_DEFAULT, im->name);
	return finish(f, path);
}

static int
write_files(struct import *im)
{
	int rc;

	if (!im->conf.has_private_key)
		return ctl_refused("%s: [Interface] has no PrivateKey; --into IF adds the peers to "
				   "a running gateway without one",
			im->file);
	rc = write_key(im);
	if (rc == CTL_OK)
		rc = write_peers(im);
	if (rc == CTL_OK)
		rc = write_config(im);
	/* Nothing half done: all of these were not there before. */
	if (rc != CTL_OK) {
		while (im->n_made > 0)
			unlink(im->made[--im->n_made]);
		return rc;
	}
	printf("%zu peer%s imported:\n  %s\n  %s\n  %s\n"
	       "Fill in the ports in the last one, then: wgdp -c %s --check\n",
		im->conf.n_peers, im->conf.n_peers == 1 ? "" : "s", im->made[0], im->made[1],
		im->made[2], im->made[2]);
	return CTL_OK;
}

/* ---- into a running gateway --------------------------------------------------------- */

static json_t *
peer_json(const struct peer_spec *spec)
{
	char key[KEY_STRLEN], psk[KEY_STRLEN], text[IP_ENDPOINT_STRLEN];
	json_t *allowed = json_array(), *peer;

	for (unsigned i = 0; i < spec->n; i++)
		json_array_append_new(
			allowed, json_string(ip_prefix_format(text, &spec->allowed_ips[i])));
	peer = json_pack("{ss ss ss so si}", "op", "put", "name", spec->name, "public_key",
		key_format(key, spec->public_key), "allowed_ips", allowed, "persistent_keepalive",
		(int)spec->persistent_keepalive);
	if (spec->has_preshared_key)
		json_object_set_new(
			peer, "preshared_key", json_string(key_format(psk, spec->preshared_key)));
	crypto_wipe(psk, sizeof(psk));
	if (spec->endpoint.addr.family != IP_NONE)
		json_object_set_new(
			peer, "endpoint", json_string(ip_endpoint_format(text, &spec->endpoint)));
	return peer;
}

/* The refusal, with the line of the peer that it is about. */
static int
tell_refused(struct import *im, long status, json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const json_t *index = json_object_get(error, "index");
	size_t i = json_is_integer(index) ? (size_t)json_integer_value(index) : SIZE_MAX;

	if (i >= im->conf.n_peers)
		return ctl_tell_error(im->c, status, answer);
	ctl_refused("%s:%u: peer %s: %s; none was added", im->file,
		(unsigned)im->conf.peers[i].line, im->conf.peers[i].name,
		ctl_text(error, "message"));
	json_decref(answer);
	return CTL_REFUSED;
}

static int
apply(struct import *im, const char *iface)
{
	const char *path[] = {"interfaces", iface, "peers", NULL};
	json_t *batch = json_array(), *answer;
	long status;

	for (size_t i = 0; i < im->conf.n_peers; i++)
		json_array_append_new(batch, peer_json(&im->conf.peers[i]));
	if (ctl_try(im->c, "PATCH", batch, false, &answer, path, NULL, &status) != CTL_OK)
		return CTL_REFUSED;
	if (status < 200 || status >= 300)
		return tell_refused(im, status, answer);
	if (im->c->json)
		return ctl_print_json(answer);
	json_decref(answer);
	printf("%s: %zu peer%s imported; its own key, port and addresses stay\n", iface,
		im->conf.n_peers, im->conf.n_peers == 1 ? "" : "s");
	return CTL_OK;
}

/* ---- command ---------------------------------------------------------------------- */

/* Of the file, as wg-quick has it: wg0.conf makes wg0. */
static int
choose_name(struct import *im)
{
	const char *given = ctl_option(im->c, "interface");
	char copy[PATH_MAX], *base, *suffix;

	snprintf(copy, sizeof(copy), "%s", im->file);
	base = basename(copy);
	suffix = strrchr(base, '.');
	if (suffix != NULL && strcmp(suffix, ".conf") == 0)
		*suffix = '\0';
	if (given == NULL)
		given = base;
	if (!config_name_valid(given))
		return ctl_refused(
			"%s: no name for an interface (1 to 15 of A-Z a-z 0-9 _ = + . -); "
			"choose one with --interface NAME",
			given);
	strcpy(im->name, given);
	return CTL_OK;
}

int
ctl_import_conf(struct ctl *c)
{
	const char *into = ctl_option(c, "into"), *dir = ctl_option(c, "output");
	struct import *im = calloc(1, sizeof(*im));
	int rc;

	if (im == NULL)
		abort();
	im->c = c;
	im->file = c->args[0];
	im->dir = dir != NULL ? dir : ".";
	if (into != NULL && (dir != NULL || ctl_option(c, "interface") != NULL))
		rc = ctl_usage("--into names a running gateway's interface: --output and "
			       "--interface are for files");
	else
		rc = into != NULL ? CTL_OK : choose_name(im);
	if (rc == CTL_OK)
		rc = parse(im);
	if (rc == CTL_OK)
		rc = into != NULL ? apply(im, into) : write_files(im);
	wg_conf_free(&im->conf);
	free(im);
	return rc;
}
