/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /metrics: a piece at a time, so that a scrape of many peers keeps nobody waiting. */
#include "control/http_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/api_internal.h"
#include "control/management_state.h"
#include "control/metrics.h"

#define BLOCK_SIZE 65536 /* that MHD asks for at once */
#define BACKLOG 128

int
api_metrics(struct api_call *call, json_t **body, struct refusal *why)
{
	enum config_metrics_peers policy = call->m->config->control.metrics_peers;
	const char *peers = call->req->args[ARG_peers];

	if (peers != NULL && strcmp(peers, "true") != 0 && strcmp(peers, "false") != 0)
		return refuse(why, 400, "bad_value", "peers", "peers: expected true or false");
	call->out->metrics = true;
	call->out->metrics_peers =
		policy == CONFIG_METRICS_PEERS_ALWAYS ||
		(policy == CONFIG_METRICS_PEERS_ASKED && peers != NULL && peers[0] == 't');
	return 200;
}

struct scrape {
	struct http_conn *conn;
	struct metrics *metrics;
};

static ssize_t
on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct scrape *s = cls;
	size_t n;

	if (s->conn->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = metrics_read(s->metrics, buf, max);
	return n > 0 ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
on_end(void *cls)
{
	struct scrape *s = cls;

	metrics_close(s->metrics);
	free(s);
}

enum MHD_Result
http_metrics(struct http_conn *conn, struct MHD_Connection *c, bool peers)
{
	struct scrape *s = calloc(1, sizeof(*s));
	struct MHD_Response *response;
	enum MHD_Result rc;

	if (s == NULL)
		abort();
	s->conn = conn;
	s->metrics = metrics_open(conn->listener->server->m, peers);
	http_conn_enter(conn, CONN_ANSWER);
	response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, s, on_end);
	if (response == NULL) {
		on_end(s);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, METRICS_TYPE);
	rc = MHD_queue_response(c, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return rc;
}

int
http_metrics_listen(const struct ip_endpoint *e, char *err, size_t err_size)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(e->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	bool four = e->addr.family == IP_V4;
	char text[IP_ENDPOINT_STRLEN];
	int one = 1, fd;

	memcpy(&v4.sin_addr, e->addr.bytes, 4);
	memcpy(&v6.sin6_addr, e->addr.bytes, 16);
	fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* So that a restart need not wait for connections that have ended. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		bind(fd, four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			four ? sizeof(v4) : sizeof(v6)) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	snprintf(err, err_size, "control.metrics_listen: %s: %s", ip_endpoint_format(text, e),
		strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}
