/* SPDX-License-Identifier: BSD-3-Clause */
/* Once, or again and again with --watch. */
#include "app/ctl.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
pause_s(double seconds)
{
	struct timespec ts = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};

	nanosleep(&ts, NULL);
}

int
ctl_view(struct ctl *c, const struct ctl_view *view)
{
	bool watch = ctl_option(c, "watch") != NULL, screen = watch && isatty(STDOUT_FILENO);
	json_t *now = NULL, *before = NULL;
	double earlier = 0;

	for (;;) {
		double asked = now_s(), took;

		if (view->fetch(c, &now) != CTL_OK) {
			json_decref(before);
			return CTL_REFUSED;
		}
		took = now_s() - asked;
		if (screen && !c->json)
			printf("\033[H\033[2J"); /* home, clear */
		if (c->json)
			ctl_print_json(json_incref(now));
		else
			view->print(c, now, before, asked - earlier);
		json_decref(before);
		before = now;
		earlier = asked;
		if (!watch)
			break;
		/* Also the blank line that parts one table from the next. */
		if (!screen && !c->json)
			putchar('\n');
		if (fflush(stdout) != 0)
			break; /* whoever read has gone */
		pause_s(10 * took > 1 ? 10 * took : 1);
	}
	json_decref(before);
	return CTL_OK;
}
