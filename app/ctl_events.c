/* SPDX-License-Identifier: BSD-3-Clause */
/* wgdp-ctl events: what has happened to peers and, with --follow, what happens. */
#include "app/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

/* No line of the gateway's is near this. */
#define LINE_MAX_SIZE (64u << 10)

struct stream {
	struct ctl *c;
	CURL *curl;
	char *line;
	size_t len;
	json_t *refusal; /* the answer, where it is not events */
	bool unwritable; /* nobody reads what we print */
};

static void
print_time(uint64_t ns)
{
	time_t seconds = ns / 1000000000;
	struct tm tm;
	char text[32];

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s.%03u ", text, (unsigned)(ns / 1000000 % 1000));
}

static enum ctl_tone
tone_of(const char *type)
{
	if (strcmp(type, "rejected") == 0 || strcmp(type, "reload_refused") == 0 ||
		strcmp(type, "gap") == 0)
		return CTL_BAD;
	if (strcmp(type, "unknown_key") == 0 || strcmp(type, "unanswered") == 0)
		return CTL_WARN;
	return strcmp(type, "connected") == 0 ? CTL_GOOD : CTL_PLAIN;
}

static void
print_member(const json_t *e, const char *name, const char *before, const char *after)
{
	const char *s = json_string_value(json_object_get(e, name));

	if (s != NULL)
		printf(" %s%s%s", before, s, after);
}

static void
print_event(const json_t *e)
{
	const char *type = ctl_text(e, "type");
	enum ctl_tone tone = tone_of(type);

	if (strcmp(type, "gap") == 0) {
		if (json_is_integer(json_object_get(e, "lost")))
			printf("%s%" PRIu64 " events are lost: they were not read in time%s\n",
				ctl_tone_start(tone), ctl_number(e, "lost"), ctl_tone_end(tone));
		else
			printf("%sthe gateway was started anew; what came before is lost%s\n",
				ctl_tone_start(tone), ctl_tone_end(tone));
		return;
	}
	print_time(ctl_number(e, "time_ns"));
	printf("%s%s%s", ctl_tone_start(tone), type, ctl_tone_end(tone));
	print_member(e, "interface", "", "");
	if (json_object_get(e, "peer") != NULL)
		print_member(e, "peer", "", "");
	else
		print_member(e, "public_key", "", "");
	print_member(e, "endpoint", "at ", "");
	print_member(e, "role", "as ", "");
	print_member(e, "reason", "(", ")");
	print_member(e, "via", "by ", "");
	if (json_object_get(e, "uid") != NULL)
		printf(" (uid %" PRIu64 ", pid %" PRIu64 ")", ctl_number(e, "uid"),
			ctl_number(e, "pid"));
	putchar('\n');
}

static void
on_line(struct stream *s)
{
	json_error_t error;
	json_t *e;
	long status = 0;

	s->line[s->len] = '\0';
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	e = json_loads(s->line, 0, &error);
	if (status != 200) {
		json_decref(s->refusal); /* who sends more than one is no gateway of ours */
		s->refusal = e;
		return;
	}
	if (s->c->json)
		puts(s->line);
	else if (e != NULL)
		print_event(e);
	json_decref(e);
}

static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	struct stream *s = arg;

	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			on_line(s);
			s->len = 0;
		} else if (s->len < LINE_MAX_SIZE - 1) {
			s->line[s->len++] = data[i];
		}
	}
	/* Each piece at once: whoever follows wants to see it now. */
	s->unwritable = fflush(stdout) != 0;
	return s->unwritable ? 0 : n;
}

static int
end_of_stream(struct stream *s, CURLcode rc, const char *reason)
{
	long status = 0;

	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (s->unwritable)
		return ctl_refused("standard output: cannot write");
	if (rc == CURLE_COULDNT_CONNECT)
		return ctl_tell_unreachable(s->c->socket);
	if (status == 200 && rc != CURLE_OK)
		return ctl_refused("%s: the gateway has ended", s->c->socket);
	if (rc != CURLE_OK)
		return ctl_refused("%s: %s", s->c->socket, reason[0] ? reason : "no answer");
	if (s->len > 0)
		on_line(s); /* an error's JSON ends without a newline */
	if (status != 200)
		return ctl_tell_error(s->c, status, json_incref(s->refusal));
	return CTL_OK;
}

int
ctl_events(struct ctl *c)
{
	const char *after = ctl_option(c, "after");
	bool follow = ctl_option(c, "follow") != NULL;
	char url[128], reason[CURL_ERROR_SIZE] = "";
	struct stream s = {.c = c};
	CURLcode rc;
	int status;

	if (after != NULL && (*after == '\0' || strlen(after) > 18 ||
				     after[strspn(after, "0123456789")] != '\0'))
		return ctl_usage("--after: expected the seq of an event, found '%s'", after);
	s.curl = curl_easy_init();
	s.line = malloc(LINE_MAX_SIZE);
	if (s.curl == NULL || s.line == NULL)
		abort();
	snprintf(url, sizeof(url), "http://wgdp/v1/events?follow=%s&after=%s",
		follow ? "true" : "false", after != NULL ? after : "0");
	curl_easy_setopt(s.curl, CURLOPT_URL, url);
	curl_easy_setopt(s.curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	curl_easy_setopt(s.curl, CURLOPT_PROXY, "");
	curl_easy_setopt(s.curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s.curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(s.curl, CURLOPT_WRITEDATA, &s);
	curl_easy_setopt(s.curl, CURLOPT_ERRORBUFFER, reason);
	rc = curl_easy_perform(s.curl);
	status = end_of_stream(&s, rc, reason);
	curl_easy_cleanup(s.curl);
	json_decref(s.refusal);
	free(s.line);
	return status;
}
