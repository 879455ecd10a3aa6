/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor: what keeps the gateway from running here, or from running well, and the fix. */
#include "app/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/doctor.h"

#define CONFIG_DEFAULT "/etc/wgdp/wgdp.yaml"

struct report {
	struct ctl *c;
	json_t *json;
	unsigned count[3];
};

static void
tell(void *arg, enum finding what, const char *check, const char *found, const char *fix)
{
	static const char *const names[] = {"ok", "warn", "fail"};
	static const enum ctl_tone tones[] = {CTL_GOOD, CTL_WARN, CTL_BAD};
	struct report *r = arg;

	r->count[what]++;
	if (r->c->json) {
		json_array_append_new(
			r->json, json_pack("{ss ss ss ss*}", "check", check, "state", names[what],
					 "found", found, "fix", *fix ? fix : NULL));
		return;
	}
	printf("%s%-4s%s  %s: %s\n", ctl_tone_start(tones[what]), names[what],
		ctl_tone_end(tones[what]), check, found);
	if (*fix != '\0')
		printf("      fix: %s\n", fix);
}

/* 0, or why nobody answers on the socket. */
static int
try_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static void
check_gateway(struct doctor *d, const char *path)
{
	int error = try_socket(path);

	d->running = error == 0 || error == EACCES;
	if (error == 0)
		doctor_tell(d, FINDING_OK, "gateway", "", "answers on %s", path);
	else if (error == EACCES)
		doctor_tell(d, FINDING_FAIL, "permissions",
			"use sudo, or join the socket's group (control.group in wgdp.yaml)",
			"%s: permission denied", path);
	else
		doctor_tell(d, FINDING_WARN, "gateway",
			"systemctl start wgdp, or wgdp -c FILE; when it has another socket: "
			"--socket",
			"not running (%s: %s)", path, strerror(error));
}

/* The configuration, and whatever the gateway itself would warn of. */
static bool
load(struct doctor *d, const char *named, struct config *config)
{
	const char *path = named != NULL ? named : CONFIG_DEFAULT;
	char err[CONFIG_ERROR_SIZE];

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		doctor_tell(d, named != NULL ? FINDING_FAIL : FINDING_WARN, "configuration",
			"name it with --config FILE; /usr/share/doc/wgdp/examples has one to begin "
			"with, wgdp-ctl import-conf makes one of a wg-quick file",
			"there is none at %s: only the machine is looked at", path);
		return false;
	}
	if (config_load(path, config, err, sizeof(err)) != 0) {
		doctor_tell(d, FINDING_FAIL, "configuration",
			"correct it; wgdp --help lists every key. Reading it wants root", "%s",
			err);
		return false;
	}
	doctor_tell(d, FINDING_OK, "configuration", "", "%s", path);
	for (unsigned i = 0; i < config->n_warnings; i++)
		doctor_tell(d, FINDING_WARN, "configuration", "", "%s", config->warnings[i]);
	return true;
}

static void
check_files(struct doctor *d)
{
	for (unsigned i = 0; i < d->config->n_interfaces; i++) {
		const struct config_interface *f = &d->config->interfaces[i];
		struct stat st;

		if (stat(f->private_key_file, &st) == 0 && (st.st_mode & 077) != 0)
			doctor_tell(d, FINDING_WARN, "permissions", "chmod 600 it",
				"%s: others than its owner may read the private key",
				f->private_key_file);
		if (stat(f->peer_db, &st) == 0 && (st.st_mode & 077) != 0)
			doctor_tell(d, FINDING_WARN, "permissions", "chmod 600 it",
				"%s: others than its owner may read preshared keys", f->peer_db);
	}
}

int
ctl_doctor(struct ctl *c)
{
	struct report report = {.c = c, .json = json_array()};
	const char *path = ctl_option(c, "config");
	struct doctor d = {.root = "", .tell = tell, .arg = &report};
	struct config config = {0};

	if (load(&d, path, &config))
		d.config = &config;
	/* The configuration's socket, unless another one was named. */
	check_gateway(&d, d.config != NULL && !c->socket_named ? config.control.socket : c->socket);
	doctor_machine(&d);
	if (d.config != NULL) {
		doctor_ports(&d);
		check_files(&d);
	}
	config_free(&config);
	if (c->json)
		ctl_print_json(json_pack("{sO}", "checks", report.json));
	else
		printf("\n%u ok, %u warnings, %u failures\n", report.count[FINDING_OK],
			report.count[FINDING_WARN], report.count[FINDING_FAIL]);
	json_decref(report.json);
	return report.count[FINDING_FAIL] > 0 ? CTL_REFUSED : CTL_OK;
}
