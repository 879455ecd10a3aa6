/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wgdp-ctl: its command line, keys and wg-quick files, and a gateway that
 * answers with anything. An input is the arguments, each ended by a NUL, an
 * empty one, then what standard input and every file hold, NUL, then answers:
 * a byte for the status, and a text up to a NUL. Of files those are there whose
 * name has an '@'; nothing is written to the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>

#include "control/peer_db_text.h"
#include "crypto_accel/crypto_accel.h"
#include "tests/fuzz/fuzz.h"

#define ARGS_MAX 24
#define ANSWERS_MAX 64

/* app/ctl*.c are compiled with these names for main, access and so on. */
int ctl_main(int argc, char **argv);
int ctl_access(const char *path, int mode);
int ctl_unlink(const char *path);
int ctl_connect(int fd, const struct sockaddr *addr, socklen_t len);
int ctl_nanosleep(const struct timespec *t, struct timespec *left);
/* These the linker sends here; libFuzzer does not use them. */
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_peer_db_text_save(struct peer_db_text *t, const char *path,
	const struct file_id *expected, struct file_id *id, char *err, size_t err_size);
CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...);
CURLcode __wrap_curl_easy_perform(CURL *curl);

static struct in answers;
static unsigned n_answers;
static long status;
static curl_write_callback on_data;
static void *on_data_arg;
static char file[4096];
static size_t file_len;

/* ---- the gateway ------------------------------------------------------------------ */

CURLcode
__wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	va_list ap;

	(void)curl;
	va_start(ap, option);
	if (option == CURLOPT_WRITEFUNCTION)
		on_data = va_arg(ap, curl_write_callback);
	else if (option == CURLOPT_WRITEDATA)
		on_data_arg = va_arg(ap, void *);
	va_end(ap);
	return CURLE_OK;
}

CURLcode
__wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	va_list ap;

	(void)curl;
	FUZZ_ASSERT(info == CURLINFO_RESPONSE_CODE);
	va_start(ap, info);
	*va_arg(ap, long *) = status;
	va_end(ap);
	return CURLE_OK;
}

/* In pieces, as they come from a socket; the pieces are not ended by a NUL. */
CURLcode
__wrap_curl_easy_perform(CURL *curl)
{
	static const long statuses[] = {200, 200, 200, 201, 204, 400, 409, 500};
	const uint8_t *end;
	size_t len;

	(void)curl;
	if (answers.left == 0 || n_answers++ == ANSWERS_MAX)
		return CURLE_COULDNT_CONNECT;
	status = statuses[in_u8(&answers) & 7];
	end = memchr(answers.at, '\0', answers.left);
	len = end != NULL ? (size_t)(end - answers.at) : answers.left;
	for (size_t at = 0, n; at < len; at += n) {
		char *piece;

		n = len - at < 100 ? len - at : 100;
		piece = malloc(n);
		FUZZ_ASSERT(piece != NULL);
		memcpy(piece, answers.at + at, n);
		FUZZ_ASSERT(on_data(piece, 1, n, on_data_arg) == n);
		free(piece);
	}
	answers.at += len;
	answers.left -= len;
	if (end != NULL)
		in_u8(&answers);
	return CURLE_OK;
}

/* ---- files ------------------------------------------------------------------------ */

static bool
exists(const char *path)
{
	return strchr(path, '@') != NULL;
}

static FILE *
open_file(void)
{
	FILE *f = file_len > 0 ? fmemopen(file, file_len, "r") : __real_fopen64("/dev/null", "r");

	FUZZ_ASSERT(f != NULL);
	return f;
}

FILE *
__wrap_fopen64(const char *path, const char *mode)
{
	(void)mode;
	errno = ENOENT;
	return exists(path) ? open_file() : NULL;
}

int
__wrap_open64(const char *path, int flags, ...)
{
	bool create = flags & O_CREAT;
	int fd;

	if (exists(path) == create) {
		errno = create ? EEXIST : ENOENT;
		return -1;
	}
	fd = memfd_create("file", MFD_CLOEXEC);
	FUZZ_ASSERT(fd >= 0);
	if (!create)
		FUZZ_ASSERT(write(fd, file, file_len) == (ssize_t)file_len &&
			    lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

int
ctl_access(const char *path, int mode)
{
	(void)mode;
	return exists(path) ? 0 : -1;
}

int
ctl_unlink(const char *path)
{
	FUZZ_ASSERT(!exists(path)); /* only what it made itself */
	return 0;
}

int
__wrap_peer_db_text_save(struct peer_db_text *t, const char *path, const struct file_id *expected,
	struct file_id *id, char *err, size_t err_size)
{
	(void)t;
	(void)expected;
	(void)id;
	if (!exists(path))
		return 0;
	errno = EEXIST;
	snprintf(err, err_size, "%s: is there", path);
	return -1;
}

int
ctl_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	static const int errors[] = {ENOENT, ECONNREFUSED, EACCES, EAGAIN};

	(void)fd;
	(void)addr;
	errno = errors[len % 4];
	return -1;
}

int
ctl_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)left;
	fuzz_wall_ns += (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
	return 0;
}

/* ---- the program ------------------------------------------------------------------ */

/* Up to the NUL that ends it, or the input's end; to be freed. */
static char *
in_text(struct in *in)
{
	const uint8_t *end = in->left > 0 ? memchr(in->at, '\0', in->left) : NULL;
	size_t len = end != NULL ? (size_t)(end - in->at) : in->left;
	char *s = malloc(len + 1);

	FUZZ_ASSERT(s != NULL);
	in_bytes(in, s, len);
	s[len] = '\0';
	in_u8(in);
	return s;
}

static void
run(int argc, char **argv)
{
	FILE *old_in = stdin, *old_out = stdout, *old_err = stderr;
	char *out = NULL, *err = NULL;
	size_t out_len, err_len;
	int rc;

	stdin = open_file();
	stdout = open_memstream(&out, &out_len);
	stderr = open_memstream(&err, &err_len);
	rc = ctl_main(argc, argv);
	fclose(stdin);
	fclose(stdout);
	fclose(stderr);
	stdin = old_in;
	stdout = old_out;
	stderr = old_err;
	FUZZ_ASSERT(rc >= 0 && rc <= 2);
	/* Whoever is refused is told why; what doctor finds is in its report. */
	FUZZ_ASSERT(rc == 0 || err_len > 0 ||
		    (rc == 1 && (strstr(out, " failures\n") != NULL ||
					strstr(out, "\"state\": \"fail\"") != NULL)));
	free(out);
	free(err);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[128];

	(void)argc;
	(void)argv;
	FUZZ_ASSERT(crypto_init(err, sizeof(err)) == 0);
	unsetenv("WGDP_SOCKET");
	curl_global_init(CURL_GLOBAL_ALL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct in in = {data, len};
	char *argv[ARGS_MAX + 2] = {strdup("wgdp-ctl")}, *copy[ARGS_MAX + 2], *text;
	int argc = 1;

	fuzz_begin();
	while (argc < ARGS_MAX && (text = in_text(&in))[0] != '\0')
		argv[argc++] = text;
	if (argc < ARGS_MAX)
		free(text);
	text = in_text(&in);
	file_len = strnlen(text, sizeof(file));
	memcpy(file, text, file_len);
	free(text);
	answers = in;
	n_answers = 0;
	memcpy(copy, argv, sizeof(copy)); /* getopt sorts them */
	run(argc, argv);
	for (int i = 0; i < argc; i++)
		free(copy[i]);
	return 0;
}
