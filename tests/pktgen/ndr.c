/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/pktgen/ndr.h"

void
ndr_start(struct ndr *n, double highest, double resolution)
{
	*n = (struct ndr){.next = highest, .resolution = resolution};
}

bool
ndr_step(struct ndr *n, double offered, bool pass)
{
	n->trials++;
	if (pass) {
		if (offered > n->passed)
			n->passed = offered;
		/* No higher rate can be offered than the generator reaches. */
		n->limited = offered < n->next * (1 - n->resolution);
		if (n->failed == 0 || n->limited)
			return false;
	} else {
		/* The generator may not have reached what it was asked for: go below that. */
		n->failed = offered < n->next ? offered : n->next;
	}
	if (n->failed - n->passed <= n->failed * n->resolution || n->failed < 1 ||
		n->trials == NDR_TRIALS_MAX)
		return false;
	n->next = n->passed + (n->failed - n->passed) / 2;
	return true;
}
