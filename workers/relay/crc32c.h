/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step. Not CRC-32: an event ends with
 * its own CRC-32, and a CRC over data that holds its own checksum says the same of every event. */
#ifndef WORKERS_RELAY_CRC32C_H
#define WORKERS_RELAY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

struct crc32c {
    uint32_t table[8][256];
};

void crc32c_init(struct crc32c *t);
/* crc32c(): of `len` bytes behind what `crc` was made of; start with 0. */
uint32_t crc32c(const struct crc32c *t, uint32_t crc, const void *data, size_t len);

#endif
