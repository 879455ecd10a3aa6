/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing the peer database; peer_db.c loads it. And the names of peers. */
#include "control/peer_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/key.h"
#include "control/yaml_tree.h"
#include "crypto_accel/crypto_accel.h"

#define BUFFER_SIZE 65536

bool
peer_name_valid(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	/* "." and ".." would be lost in the path of a URL. */
	return n >= 1 && n < PEER_NAME_SIZE && name[n] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !key_shaped(name);
}

void
peer_name_generate(char name[PEER_NAME_SIZE], const uint8_t key[32], unsigned attempt)
{
	int n = snprintf(
		name, PEER_NAME_SIZE, "peer-%02x%02x%02x%02x", key[0], key[1], key[2], key[3]);

	if (attempt > 1)
		snprintf(name + n, PEER_NAME_SIZE - n, "-%u", attempt);
}

static void
write_peer(FILE *f, const struct peer_spec *p)
{
	char key[KEY_STRLEN], prefix[IP_PREFIX_STRLEN], endpoint[IP_ENDPOINT_STRLEN];

	/* Quoted, since other readers of YAML take null, 123 or 2001:db8::1 for no text. */
	fprintf(f, "  - name: \"%s\"\n", p->name);
	fprintf(f, "    public_key: \"%s\"\n", key_format(key, p->public_key));
	if (p->has_preshared_key)
		fprintf(f, "    preshared_key: \"%s\"\n", key_format(key, p->preshared_key));
	crypto_wipe(key, sizeof(key));
	fputs("    allowed_ips: [", f);
	for (unsigned i = 0; i < p->n; i++)
		fprintf(f, "%s\"%s\"", i > 0 ? ", " : "",
			ip_prefix_format(prefix, &p->allowed_ips[i]));
	fputs("]\n", f);
	if (p->endpoint.addr.family != IP_NONE)
		fprintf(f, "    endpoint: \"%s\"\n", ip_endpoint_format(endpoint, &p->endpoint));
	if (p->persistent_keepalive != 0)
		fprintf(f, "    persistent_keepalive: %u\n", p->persistent_keepalive);
}

/* All of it into fd, which this closes, and onto the disk. Returns 0, or -1 with errno. */
static int
write_synced(int fd, const struct peer_spec *specs, size_t n)
{
	char *buffer = malloc(BUFFER_SIZE);
	FILE *f = buffer != NULL ? fdopen(fd, "w") : NULL;
	int ret = -1, error;

	if (f == NULL) {
		free(buffer);
		close(fd);
		errno = ENOMEM;
		return -1;
	}
	errno = 0;
	setvbuf(f, buffer, _IOFBF, BUFFER_SIZE);
	fputs("# Peers of a wgdp interface. wgdp rewrites this file when peers change, and "
	      "comments are then lost.\n",
		f);
	fputs(n > 0 ? "peers:\n" : "peers: []\n", f);
	/* A disk that is full stays so: no need to format the rest. */
	for (size_t i = 0; i < n && !ferror(f); i++)
		write_peer(f, &specs[i]);
	if (fflush(f) == 0 && !ferror(f) && fsync(fd) == 0)
		ret = 0;
	error = errno != 0 ? errno : EIO;
	if (fclose(f) != 0 && ret == 0) {
		error = errno;
		ret = -1;
	}
	crypto_wipe(buffer, BUFFER_SIZE);
	free(buffer);
	errno = error;
	return ret;
}

/* "DIR/.NAME.tmp" for "DIR/NAME", and "DIR". Both to be freed; -1 when out of memory. */
static int
side_paths(const char *path, char **tmp, char **dir)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;

	*dir = NULL;
	if (asprintf(tmp, "%.*s.%s.tmp", (int)(base - path), path, base) < 0) {
		*tmp = NULL;
		return -1;
	}
	*dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : slash - path);
	return *dir != NULL ? 0 : -1;
}

static int
sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error, ret;

	if (fd < 0)
		return -1;
	ret = fsync(fd);
	error = errno;
	close(fd);
	errno = error;
	return ret;
}

/* path is no symbolic link. Returns 0, or -1 with errno and what failed. */
static int
replace_file(const char *path, const struct peer_spec *specs, size_t n, const char **what)
{
	char *tmp, *dir;
	int ret = -1, fd, error;

	*what = "cannot be written";
	if (side_paths(path, &tmp, &dir) < 0) {
		errno = ENOMEM;
		goto done;
	}
	/* One name for all attempts, so that killed ones do not pile up. */
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		goto done;
	if (write_synced(fd, specs, n) < 0 || rename(tmp, path) < 0) {
		error = errno;
		unlink(tmp);
		errno = error;
		goto done;
	}
	*what = "was replaced, but its directory cannot be synced";
	ret = sync_directory(dir);
done:
	error = errno;
	free(tmp);
	free(dir);
	errno = error;
	return ret;
}

int
peer_db_save(const char *path, const struct peer_spec *specs, size_t n, char *err, size_t err_size)
{
	/* A link stays a link: what it points to is replaced. */
	char *real = realpath(path, NULL);
	const char *what;
	int ret = replace_file(real != NULL ? real : path, specs, n, &what);

	if (ret < 0)
		yerror(err, err_size, path, 0, "file", "%s: %s", what, strerror(errno));
	free(real);
	return ret;
}
