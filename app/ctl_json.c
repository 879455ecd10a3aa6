/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the gateway's answers. */
#include "app/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
ctl_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "-";
}

uint64_t
ctl_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

char *
ctl_join(const json_t *array, size_t max)
{
	char *s = strdup(json_array_size(array) > 0 ? "" : "-"), *grown;
	size_t i, n = json_array_size(array);
	json_t *item;

	json_array_foreach(array, i, item) {
		int rc;

		if (i == max)
			rc = asprintf(&grown, "%s and %zu more", s, n - max);
		else
			rc = asprintf(
				&grown, "%s%s%s", s, i > 0 ? ", " : "", json_string_value(item));
		if (rc < 0)
			abort();
		free(s);
		s = grown;
		if (i == max)
			break;
	}
	return s;
}

int
ctl_print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
	return CTL_OK;
}
