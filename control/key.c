/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/durable.h"
#include "crypto_accel/crypto_accel.h"

#define KEY_CHARS 43 /* base64 characters that carry 32 bytes */
#define KEY_FILE_MAX 128 /* bytes; a key, and room for white space behind it */

_Static_assert(KEY_STRLEN == sodium_base64_ENCODED_LEN(KEY_LEN, sodium_base64_VARIANT_ORIGINAL),
	"as libsodium counts it");
_Static_assert(KEY_URL_STRLEN ==
		       sodium_base64_ENCODED_LEN(KEY_LEN, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	"as libsodium counts it");

static bool
parse_variant(uint8_t out[KEY_LEN], const char *s, size_t len, int variant)
{
	size_t got;

	if (sodium_base642bin(out, KEY_LEN, s, len, NULL, &got, NULL, variant) == 0 &&
		got == KEY_LEN)
		return true;
	crypto_wipe(out, KEY_LEN);
	return false;
}

bool
key_parse(uint8_t out[KEY_LEN], const char *s)
{
	return parse_variant(out, s, strnlen(s, KEY_STRLEN), sodium_base64_VARIANT_ORIGINAL);
}

bool
key_parse_any(uint8_t out[KEY_LEN], const char *s)
{
	size_t len = strnlen(s, KEY_STRLEN);

	/* The length tells whether it is padded; which alphabet it is in is no secret. */
	if (len == KEY_CHARS)
		return parse_variant(out, s, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ||
		       parse_variant(out, s, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return parse_variant(out, s, len, sodium_base64_VARIANT_ORIGINAL) ||
	       parse_variant(out, s, len, sodium_base64_VARIANT_URLSAFE);
}

char *
key_format(char buf[KEY_STRLEN], const uint8_t key[KEY_LEN])
{
	return sodium_bin2base64(buf, KEY_STRLEN, key, KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
}

char *
key_format_url(char buf[KEY_URL_STRLEN], const uint8_t key[KEY_LEN])
{
	return sodium_bin2base64(
		buf, KEY_URL_STRLEN, key, KEY_LEN, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
key_shaped(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");

	return n == KEY_CHARS && (s[n] == '\0' || (s[n] == '=' && s[n + 1] == '\0'));
}

int
key_read_file(const char *path, uint8_t out[KEY_LEN], bool *exposed, char *err, size_t err_size)
{
	char text[KEY_FILE_MAX] = "";
	struct stat st;
	ssize_t len = -1;
	size_t key_len;
	int ret = -1;
	/* Not to wait for the other end of a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	memset(out, 0, KEY_LEN);
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(err, err_size, "expected a readable file: %s", strerror(errno));
		goto done;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, err_size, "expected a regular file");
		goto done;
	}
	len = durable_read(fd, text, sizeof(text) - 1);
	if (len < 0) {
		snprintf(err, err_size, "expected a readable file: %s", strerror(errno));
		goto done;
	}
	text[len] = '\0';
	key_len = strcspn(text, " \t\r\n");
	if (key_len + strspn(text + key_len, " \t\r\n") == (size_t)len) {
		text[key_len] = '\0';
		ret = key_parse(out, text) ? 0 : -1;
	}
	if (ret < 0)
		snprintf(err, err_size,
			"expected one key of 32 bytes in base64, as wg genkey writes");
	else if (exposed != NULL)
		*exposed = (st.st_mode & S_IROTH) != 0;
done:
	crypto_wipe(text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return ret;
}
