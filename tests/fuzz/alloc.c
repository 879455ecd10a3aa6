/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions, peers and tables come from the heap, where ASan watches them, not from EAL's memory. */
#include <stdlib.h>
#include <string.h>

void *__wrap_rte_malloc(const char *type, size_t size, unsigned align);
void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned align);
void __wrap_rte_free(void *p);

void *
__wrap_rte_malloc(const char *type, size_t size, unsigned align)
{
	void *p;

	(void)type;
	return posix_memalign(&p, align > 64 ? align : 64, size) == 0 ? p : NULL;
}

void *
__wrap_rte_zmalloc(const char *type, size_t size, unsigned align)
{
	void *p = __wrap_rte_malloc(type, size, align);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
__wrap_rte_free(void *p)
{
	free(p);
}
