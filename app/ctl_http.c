/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

/* Of one answer; 100 000 prefixes in one request take a few seconds on a slow machine. */
#define TIMEOUT_S 120L

struct text {
	char *data;
	size_t len;
};

static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	struct text *t = arg;
	char *grown = realloc(t->data, t->len + n + 1);

	if (grown == NULL)
		return 0;
	memcpy(grown + t->len, data, n);
	t->data = grown;
	t->len += n;
	t->data[t->len] = '\0';
	return n;
}

/* "http://wgdp/v1/..." of segments, each percent-encoded: names come from the command line. */
static char *
make_url(CURL *curl, const char *const *segments, const char *query)
{
	char *url = NULL, *grown;

	if (asprintf(&url, "http://wgdp/v1") < 0)
		abort();
	for (; *segments != NULL; segments++) {
		char *escaped = curl_easy_escape(curl, *segments, 0);

		if (asprintf(&grown, "%s/%s", url, escaped) < 0)
			abort();
		curl_free(escaped);
		free(url);
		url = grown;
	}
	if (query != NULL) {
		if (asprintf(&grown, "%s?%s", url, query) < 0)
			abort();
		free(url);
		url = grown;
	}
	return url;
}

int
ctl_tell_error(struct ctl *c, long status, json_t *answer)
{
	json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *field = json_string_value(json_object_get(error, "field"));
	const char *code = json_string_value(json_object_get(error, "code"));

	if (c->json && answer != NULL)
		ctl_print_json(json_incref(answer));
	if (message == NULL)
		ctl_refused("%s: answered with status %ld", c->socket, status);
	else if (code != NULL && strcmp(code, "no_such_interface") == 0)
		ctl_tell_no_interface(c, message);
	else if (code != NULL && field != NULL && strcmp(code, "exists") == 0)
		ctl_refused("%s: %s; set-peer changes it", field, message);
	else if (field != NULL && strncmp(message, field, strlen(field)) != 0)
		ctl_refused("%s: %s", field, message);
	else
		ctl_refused("%s", message);
	json_decref(answer);
	return CTL_REFUSED;
}

/* What to do about a socket that does not let us in. curl does not tell why. */
int
ctl_tell_unreachable(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, error = 0;
	struct group *group;
	struct stat st;

	if (strlen(path) >= sizeof(addr.sun_path))
		return ctl_refused("%s: cannot connect: longer than a socket's path can be", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	if (error == ENOENT || error == ENOTDIR)
		return ctl_refused("%s: cannot connect: no such socket; is wgdp running? Start it "
				   "(systemctl start wgdp, or wgdp -c FILE), or name its "
				   "control.socket with --socket or $WGDP_SOCKET",
			path);
	if (error == ECONNREFUSED && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return ctl_refused("%s: cannot connect: that is no socket; name the gateway's "
				   "control.socket with --socket or $WGDP_SOCKET",
			path);
	if (error == ECONNREFUSED)
		return ctl_refused("%s: cannot connect: nobody listens; wgdp has ended without "
				   "removing it. Start it again (systemctl start wgdp)",
			path);
	if (error != EACCES && error != EPERM)
		return ctl_refused("%s: cannot connect: %s", path,
			error != 0 ? strerror(error) : "it hung up; try again");
	group = stat(path, &st) == 0 && st.st_gid != 0 && st.st_mode & S_IWGRP ? getgrgid(st.st_gid)
									       : NULL;
	if (group == NULL)
		return ctl_refused(
			"%s: cannot connect: permission denied; use sudo, or let a group "
			"of yours use it (control.group in wgdp.yaml)",
			path);
	return ctl_refused("%s: cannot connect: permission denied; use sudo, or join the group %s "
			   "(usermod -aG %s YOU, then log in anew)",
		path, group->gr_name, group->gr_name);
}

static int
perform(struct ctl *c, CURL *curl, json_t **answer, long *status)
{
	char reason[CURL_ERROR_SIZE] = "";
	struct text text = {0};
	json_error_t error;
	CURLcode rc;

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	rc = curl_easy_perform(curl);
	if (rc != CURLE_OK) {
		free(text.data);
		if (rc == CURLE_COULDNT_CONNECT)
			return ctl_tell_unreachable(c->socket);
		return ctl_refused(
			"%s: %s", c->socket, reason[0] ? reason : curl_easy_strerror(rc));
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	*answer = text.len > 0 ? json_loadb(text.data, text.len, 0, &error) : NULL;
	free(text.data);
	return CTL_OK;
}

int
ctl_try(struct ctl *c, const char *method, json_t *body, bool create_only, json_t **answer,
	const char *segments[], const char *query, long *status)
{
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	char *url, *text = NULL;
	int rc;

	if (curl == NULL)
		return ctl_refused("no HTTP client");
	*answer = NULL;
	url = make_url(curl, segments, query);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	/* No proxy from the environment stands before a unix socket. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT);
		json_decref(body);
		headers = curl_slist_append(headers, "Content-Type: application/json");
		if (create_only)
			headers = curl_slist_append(headers, "If-None-Match: *");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	}
	rc = perform(c, curl, answer, status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	free(url);
	return rc;
}

int
ctl_request(struct ctl *c, const char *method, json_t *body, bool create_only, json_t **answer,
	const char *segments[], const char *query)
{
	long status;

	if (ctl_try(c, method, body, create_only, answer, segments, query, &status) != CTL_OK)
		return CTL_REFUSED;
	if (status >= 200 && status < 300)
		return CTL_OK;
	ctl_tell_error(c, status, *answer);
	*answer = NULL;
	return CTL_REFUSED;
}
