/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/drop.h"

const char *const drop_reason_name[DROP_REASON_COUNT] = {
#define X(name) [DROP_##name] = #name,
	DROP_REASONS(X)
#undef X
};

const uint8_t peer_drop_reason[PEER_DROP_COUNT] = {
#define X(name) [PEER_DROP_##name] = DROP_##name,
	PEER_DROP_REASONS(X)
#undef X
};
