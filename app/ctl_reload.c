/* SPDX-License-Identifier: BSD-3-Clause */
/* wgdp-ctl reload: take over what was edited in files, or with --dry-run say what that would be. */
#include "app/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_change(const json_t *change)
{
	const char *op = ctl_text(change, "op");
	const json_t *fields = json_object_get(change, "fields");
	enum ctl_tone tone = strcmp(op, "add") == 0      ? CTL_GOOD
			     : strcmp(op, "remove") == 0 ? CTL_BAD
							 : CTL_WARN;
	char sign = tone == CTL_GOOD ? '+' : tone == CTL_BAD ? '-' : '~';
	char *joined = ctl_join(fields, 10);

	printf("%s%c %s", ctl_tone_start(tone), sign, ctl_text(change, "interface"));
	if (json_object_get(change, "peer") != NULL)
		printf(" %s", ctl_text(change, "peer"));
	if (fields != NULL)
		printf(": %s", joined);
	printf("%s\n", ctl_tone_end(tone));
	free(joined);
}

static void
print_report(const json_t *report, bool dry_run)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(report, "changes"), i, item) {
		print_change(item);
	}
	if (json_is_true(json_object_get(report, "more")))
		printf("and more\n");
	json_array_foreach(json_object_get(report, "kept"), i, item) {
		printf("%s! %s: changed in the file and meanwhile by others too, so left as they "
		       "are: %s%s\n",
			ctl_tone_start(CTL_WARN), ctl_text(item, "interface"),
			ctl_text(item, "names"), ctl_tone_end(CTL_WARN));
	}
	printf("%s: %" PRIu64 " peers added, %" PRIu64 " changed, %" PRIu64 " removed\n",
		dry_run ? "a reload would do this" : "reloaded", ctl_number(report, "added"),
		ctl_number(report, "changed"), ctl_number(report, "removed"));
}

int
ctl_reload(struct ctl *c)
{
	const char *segments[] = {"reload", NULL};
	bool dry_run = ctl_option(c, "dry-run") != NULL;
	json_t *report;

	if (ctl_request(c, "POST", NULL, false, &report, segments,
		    dry_run ? "dry_run=true" : NULL) != CTL_OK)
		return CTL_REFUSED;
	if (c->json)
		return ctl_print_json(report);
	print_report(report, dry_run);
	json_decref(report);
	return CTL_OK;
}
