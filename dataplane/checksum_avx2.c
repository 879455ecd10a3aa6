/* SPDX-License-Identifier: BSD-3-Clause */
#define VECTOR_LEN 32
#include "dataplane/checksum_vector.h"

uint64_t
checksum_sum_avx2(const void *data, size_t len)
{
	return checksum_sum_vectors(data, len);
}
