/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "control/key.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Standard base64 by OpenSSL, as the independent oracle. */
static void
oracle_encode(char out[KEY_STRLEN], const uint8_t key[KEY_LEN])
{
	assert_int_equal(EVP_EncodeBlock((unsigned char *)out, key, KEY_LEN), KEY_STRLEN - 1);
}

static void
to_url(char *s)
{
	for (; *s != '\0'; s++)
		*s = *s == '+' ? '-' : *s == '/' ? '_' : *s;
}

/* Each byte value at each place, in all four spellings. */
static void
test_all_spellings_round_trip(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t key[KEY_LEN], got[KEY_LEN];
		char want[KEY_STRLEN], url[KEY_STRLEN], buf[KEY_STRLEN];

		for (unsigned i = 0; i < KEY_LEN; i++)
			key[i] = v + i * 37;
		oracle_encode(want, key);
		strcpy(url, want);
		to_url(url);
		assert_string_equal(key_format(buf, key), want);
		assert_true(key_parse_any(got, want));
		assert_memory_equal(got, key, KEY_LEN);
		memset(got, 0, KEY_LEN);
		assert_true(key_parse(got, want));
		assert_memory_equal(got, key, KEY_LEN);
		assert_int_equal(key_parse(got, url), strcmp(url, want) == 0);
		assert_true(key_parse_any(got, url));
		assert_memory_equal(got, key, KEY_LEN);
		want[KEY_STRLEN - 2] = '\0';
		assert_false(key_parse(got, want));
		url[KEY_STRLEN - 2] = '\0';
		assert_string_equal(key_format_url(buf, key), url);
		assert_true(key_parse_any(got, want));
		assert_memory_equal(got, key, KEY_LEN);
		assert_true(key_parse_any(got, url));
		assert_memory_equal(got, key, KEY_LEN);
		assert_true(key_shaped(want));
		assert_true(key_shaped(url));
	}
}

static void
test_refused_and_zeroed(void **state)
{
	static const char *const bad[] = {
		"",
		"=",
		"AAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* 31 bytes */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", /* 31 bytes, padded */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 33 bytes */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", /* not canonical */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
		"AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"+_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* both alphabets */
		"AAAAAAAAAAAAAAAAAAAAA!AAAAAAAAAAAAAAAAAAAAA=",
		"AAAAAAAAAAAAAAAAAAAA=AAAAAAAAAAAAAAAAAAAAAAA",
		"0000000000000000000000000000000000000000000000000000000000000000",
	};
	static const uint8_t zero[KEY_LEN];

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t out[KEY_LEN];

		memset(out, 0xaa, sizeof(out));
		assert_false(key_parse(out, bad[i]));
		assert_memory_equal(out, zero, KEY_LEN);
		memset(out, 0xaa, sizeof(out));
		assert_false(key_parse_any(out, bad[i]));
		assert_memory_equal(out, zero, KEY_LEN);
	}
}

static void
test_shape(void **state)
{
	assert_true(key_shaped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	/* Not canonical and mixed, and still meant as a key. */
	assert_true(key_shaped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"));
	assert_true(key_shaped("+_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"));
	assert_false(key_shaped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	assert_false(key_shaped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	assert_false(key_shaped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="));
	assert_false(key_shaped("AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAA"));
	assert_false(key_shaped("alice"));
	assert_false(key_shaped(""));
}

struct file_row {
	const char *text;
	const char *reason; /* NULL when it is read */
};

static void
test_key_file(void **state)
{
	static const char key_error[] =
		"expected one key of 32 bytes in base64, as wg genkey writes";
	static const struct file_row rows[] = {
		{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", NULL},
		{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL},
		{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \r\n\n", NULL},
		{"", key_error},
		{"\n", key_error},
		{"\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", key_error},
		{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n", key_error},
		{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", key_error},
	};
	char dir[] = "/tmp/wgdp-key-XXXXXX", path[64], err[256];
	uint8_t out[KEY_LEN];
	bool exposed;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	for (size_t i = 0; i < COUNT(rows); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(rows[i].text, f);
		fclose(f);
		chmod(path, i % 2 ? 0640 : 0644);
		if (rows[i].reason == NULL) {
			assert_int_equal(key_read_file(path, out, &exposed, err, sizeof(err)), 0);
			assert_int_equal(out[0], 1);
			assert_int_equal(exposed, i % 2 == 0);
		} else {
			assert_int_equal(key_read_file(path, out, &exposed, err, sizeof(err)), -1);
			assert_string_equal(err, rows[i].reason);
		}
	}
	unlink(path);
	assert_int_equal(key_read_file(path, out, NULL, err, sizeof(err)), -1);
	assert_string_equal(err, "expected a readable file: No such file or directory");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(key_read_file(path, out, NULL, err, sizeof(err)), -1);
	assert_string_equal(err, "expected a regular file");
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_spellings_round_trip),
		cmocka_unit_test(test_refused_and_zeroed),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_key_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
