/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What was sent comes back in messages: nothing that is not plain ASCII may get into logs. */
static void
make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
}

int
refuse(struct refusal *why, int status, const char *code, const char *field, const char *fmt, ...)
{
	va_list ap;

	why->status = status;
	why->code = code;
	why->index = -1;
	snprintf(why->field, sizeof(why->field), "%s", field != NULL ? field : "");
	va_start(ap, fmt);
	vsnprintf(why->message, sizeof(why->message), fmt, ap);
	va_end(ap);
	make_printable(why->field);
	make_printable(why->message);
	return -1;
}

int
refusal_errno(const struct refusal *why)
{
	switch (why->status) {
	case 404:
		return ENOENT;
	case 409:
		return EADDRINUSE;
	case 413:
		return E2BIG;
	case 500:
		return EIO;
	case 503:
		return EAGAIN;
	case 507:
		return ENOSPC;
	default:
		return EINVAL;
	}
}
