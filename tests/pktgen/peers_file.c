/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/peers_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/key.h"
#include "crypto_accel/crypto_accel.h"

static void
write_peer(FILE *f, enum peers_format format, const struct client *c)
{
	static const uint8_t no_psk[NOISE_KEY_LEN];
	bool yaml = format == PEERS_YAML;
	char key[KEY_STRLEN], address[IP_ADDR_STRLEN];

	key_format(key, c->identity.static_public);
	if (yaml)
		fprintf(f, "  - name: blast-%06u\n    public_key: \"%s\"\n", c->number + 1, key);
	else
		fprintf(f, "[Peer]\nPublicKey = %s\n", key);
	if (!crypto_equal(c->server.preshared_key, no_psk, sizeof(no_psk))) {
		key_format(key, c->server.preshared_key);
		fprintf(f, yaml ? "    preshared_key: \"%s\"\n" : "PresharedKey = %s\n", key);
	}
	ip_addr_format(address, &c->inner);
	fprintf(f, yaml ? "    allowed_ips: [\"%s/%u\"]\n" : "AllowedIPs = %s/%u\n\n", address,
		c->inner.family == IP_V4 ? 32U : 128U);
	crypto_wipe(key, sizeof(key));
}

int
peers_file_write(const char *path, enum peers_format format, const struct client *clients,
	unsigned n, char *err, size_t err_size)
{
	/* It may hold preshared keys: nobody else's to read. */
	int fd = strcmp(path, "-") == 0
			 ? dup(STDOUT_FILENO)
			 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool good;

	if (f == NULL) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (format == PEERS_YAML)
		fprintf(f, "peers:\n");
	for (unsigned i = 0; i < n; i++)
		write_peer(f, format, &clients[i]);
	good = ferror(f) == 0;
	if (fclose(f) == 0 && good)
		return 0;
	snprintf(err, err_size, "%s: cannot be written: %s", path, strerror(errno));
	return -1;
}
