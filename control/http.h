/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.1 on the control socket: libmicrohttpd, polled from the management
 * thread's loop (its epoll descriptor is one watcher there), so that requests
 * and the userspace API take turns and the registry needs no lock.
 */
#ifndef CONTROL_HTTP_H
#define CONTROL_HTTP_H

#include <stddef.h>

struct http_server;
struct management;

/* NULL with a one-line reason in err. */
struct http_server *http_server_create(struct management *m, char *err, size_t err_size);
/* There may be new events: whoever follows them gets them. */
void http_server_tell_events(struct http_server *s);
/* On control.metrics_listen, which is set: GET /metrics and nothing else. Likewise. */
struct http_server *http_metrics_server_create(struct management *m, char *err, size_t err_size);
/* Closes all connections and removes the sockets. NULL is fine. */
void http_server_destroy(struct http_server *s);

#endif
