/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket and the userspace API: clients on the real sockets, the
 * real libmicrohttpd, routes, registry, transaction and database; only control
 * is the unit tests' fake. An input is a list of pieces with ff fe in between,
 * each an order and its bytes: some for a connection, or method, path and body
 * of a request that the harness makes well-formed. After each input registry,
 * control and the files agree, whatever was refused on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <rte_common.h>
#include <rte_log.h>

#include "control/audit.h"
#include "control/http.h"
#include "control/management_state.h"
#include "control/peer_store.h"
#include "control/uapi.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_control.h"

#define PIECES_MAX 32
#define REPLY_MAX (1u << 20)
#define BODY_MAX 8192
#define STARVED_S 15 /* half of the server's limit */
#define REOPEN_AFTER 32 /* inputs: the journal grows with each, and a checkpoint takes 10 ms */

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static struct management m;
static struct config config; /* fake_start's, with sockets */
static char http_path[96], uapi_path[96], reply[REPLY_MAX + 1];
static size_t reply_len;
static int http = -1, uapi = -1; /* connections */
static unsigned sync_fails; /* the so-manieth fsync from now, 0 is none */

/* Nothing here has to survive a power cut; and disks fail. */
int
__wrap_fsync(int fd)
{
	(void)fd;
	if (sync_fails == 0 || --sync_fails > 0)
		return 0;
	errno = ENOSPC;
	return -1;
}

/* ---- connections -------------------------------------------------------------------- */

static int
dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	FUZZ_ASSERT(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	FUZZ_ASSERT(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

static void
turn(void)
{
	http_server_tell_events(m.http);
	ev_run(m.loop, EVRUN_NOWAIT);
}

/* What there is, into reply; true at the end of the connection. */
static bool
hear(int fd)
{
	ssize_t n;

	while ((n = recv(fd, reply + reply_len, REPLY_MAX - reply_len, 0)) > 0) {
		reply_len += (size_t)n;
		FUZZ_ASSERT(reply_len < REPLY_MAX);
		turn();
	}
	reply[reply_len] = '\0';
	return n == 0 || errno != EAGAIN;
}

/*
 * memmem, unseen by libFuzzer: it would learn the secret from the comparison,
 * put it into a request, and find it quoted.
 */
__attribute__((no_sanitize("coverage"))) static bool
contains(const char *text, size_t len, const char *secret)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = 0;

		while (i + n < len && secret[n] != '\0' && text[i + n] == secret[n])
			n++;
		if (secret[n] == '\0')
			return true;
	}
	return false;
}

/* Private keys are for the userspace API alone. */
static void
check_secrets(void)
{
	for (unsigned i = 0; i < m.n_ifaces; i++) {
		char text[KEY_STRLEN];

		FUZZ_ASSERT(!contains(reply, reply_len, key_format(text, m.ifaces[i].private_key)));
	}
}

/* Of an answer that is whole: a status, and JSON behind the headers. */
static void
check_answer(void)
{
	const char *body = strstr(reply, "\r\n\r\n"), *type;
	json_error_t error;
	json_t *json;
	int status;

	FUZZ_ASSERT(sscanf(reply, "HTTP/1.1 %d ", &status) == 1 && body != NULL);
	FUZZ_ASSERT(status >= 200 && status < 600);
	type = strstr(reply, "\r\nContent-Type: application/json\r\n");
	if (type == NULL || type > body)
		return;
	json = json_loads(body + 4, 0, &error);
	if (json == NULL)
		fprintf(stderr, "%s in the answer:\n%s\n", error.text, reply);
	FUZZ_ASSERT(json != NULL);
	FUZZ_ASSERT(status < 400 ||
		    json_is_string(json_object_get(json_object_get(json, "error"), "message")));
	json_decref(json);
}

static void
say(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* it was closed */
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
		turn();
	}
	for (unsigned i = 0; i < 4; i++)
		turn();
}

static void
close_all(void)
{
	if (http >= 0)
		close(http);
	if (uapi >= 0)
		close(uapi);
	http = uapi = -1;
	for (unsigned i = 0; i < 4; i++)
		turn();
}

/* ---- orders ------------------------------------------------------------------------- */

/* On the connection that there is, or a new one. */
static void
bytes(int *fd, const char *path, struct in *piece)
{
	if (*fd < 0)
		*fd = dial(path);
	say(*fd, piece->at, piece->left);
	reply_len = 0;
	if (hear(*fd)) {
		close(*fd);
		*fd = -1;
	}
	if (fd == &http)
		check_secrets();
}

/* Up to a newline; what cannot stand in a request line is left out. */
static void
read_path(struct in *piece, char *out, size_t size)
{
	size_t n = 0;

	while (piece->left > 0) {
		uint8_t c = in_u8(piece);

		if (c == '\n')
			break;
		if (c > ' ' && c < 127 && n + 1 < size)
			out[n++] = (char)c;
	}
	out[n] = '\0';
}

static void
request(struct in *piece)
{
	static const char *const methods[] = {
		"GET", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS", "PUT"};
	static char text[BODY_MAX + 1024];
	uint8_t how = in_u8(piece);
	time_t begun = time(NULL);
	char path[256];
	int fd, len;

	read_path(piece, path, sizeof(path));
	len = snprintf(text, sizeof(text),
		"%s /v1/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%sContent-Length: "
		"%zu\r\n\r\n",
		methods[how & 7], path, how & 8 ? "" : "Content-Type: application/json\r\n",
		how & 16 ? "If-None-Match: *\r\n" : "", RTE_MIN(piece->left, (size_t)BODY_MAX));
	len += (int)in_bytes(piece, text + len, BODY_MAX);
	fd = dial(http_path);
	say(fd, text, (size_t)len);
	reply_len = 0;
	for (unsigned i = 0; i < 100 && !hear(fd); i++)
		turn();
	close(fd);
	check_secrets();
	/* Where others had all CPUs for long, the connection ended for being idle. */
	if ((how & 7) != 5 && (reply_len > 0 || time(NULL) - begun < STARVED_S))
		check_answer();
}

/* As after a restart: what the files say is what was acknowledged. */
static void
reopen(void)
{
	struct peer_db dbs[2];
	char err[CONFIG_ERROR_SIZE];

	management_stores_destroy(&m);
	for (unsigned i = 0; i < m.n_ifaces; i++)
		FUZZ_ASSERT(peer_store_load(
				    config.interfaces[i].peer_db, &dbs[i], err, sizeof(err)) == 0);
	management_stores_create(&m, dbs);
	for (unsigned i = 0; i < m.n_ifaces; i++)
		peer_db_free(&dbs[i]);
	fake_check_agreement(&m);
}

static void
order(struct in *in)
{
	static const char between[] = {'\xff', '\xfe'};
	uint8_t what = in_u8(in);
	const uint8_t *end =
		in->left > 0 ? memmem(in->at, in->left, between, sizeof(between)) : NULL;
	struct in piece = {in->at, end != NULL ? (size_t)(end - in->at) : in->left};

	in_skip(in, piece.left);
	in_skip(in, sizeof(between));
	switch (what) {
	case 'h':
		bytes(&http, http_path, &piece);
		break;
	case 'u':
		bytes(&uapi, uapi_path, &piece);
		break;
	case 'c':
		close_all();
		break;
	case 'r': /* control refuses one change, once */
		fake.refuse_at = in_u8(&piece) % 8;
		break;
	case 's':
		if (sync_fails == 0)
			reopen();
		break;
	case 'd':
		sync_fails = in_u8(&piece) % 8;
		break;
	default:
		request(&piece);
	}
}

/* ---- life --------------------------------------------------------------------------- */

static void
clean_up(void)
{
	http_server_destroy(m.http);
	uapi_server_destroy(m.uapi);
	fake_stop(&m);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256];

	(void)argc;
	(void)argv;
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* what fake_control.c asserts */
	setenv("TMPDIR", "/dev/shm", 0); /* or most of the time is spent on fsync */
	rte_log_set_global_level(RTE_LOG_EMERG);
	fuzz_begin();
	fake_start(&m);
	config = *m.config;
	snprintf(http_path, sizeof(http_path), "%s/control.sock", fake_dir);
	snprintf(uapi_path, sizeof(uapi_path), "%s/wg0.sock", fake_dir);
	config.control.socket = http_path;
	config.control.mode = 0600;
	config.control.uapi_dir = fake_dir;
	m.config = &config;
	m.loop = ev_loop_new(EVFLAG_AUTO);
	FUZZ_ASSERT(m.loop != NULL);
	management_stores_start(&m);
	m.http = http_server_create(&m, err, sizeof(err));
	FUZZ_ASSERT(m.http != NULL);
	m.uapi = uapi_server_create(&m, err, sizeof(err));
	FUZZ_ASSERT(m.uapi != NULL);
	atexit(clean_up);
	return 0;
}

/* No peers, and the keys of the start. */
static void
empty(void)
{
	static const struct origin origin = {.via = "fuzz"};
	static unsigned changed;

	for (unsigned i = 0; i < m.n_ifaces; i++) {
		struct refusal why;

		if (registry_count(m.registry, i) == 0 &&
			memcmp(m.ifaces[i].private_key, config.interfaces[i].private_key,
				KEY_LEN) == 0)
			continue;
		registry_begin(m.registry, i);
		registry_remove_all(m.registry);
		FUZZ_ASSERT(management_commit(
				    &m, i, config.interfaces[i].private_key, &origin, &why) == 0);
		changed++;
	}
	if (changed >= REOPEN_AFTER) {
		reopen();
		changed = 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct in in = {data, len};

	fuzz_begin();
	for (unsigned n = 0; n < PIECES_MAX && in.left > 0; n++)
		order(&in);
	close_all();
	fake.refuse_at = 0;
	sync_fails = 0;
	fake_check_agreement(&m);
	empty();
	return 0;
}
