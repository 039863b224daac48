#include "workers/relay/crc32c.h"

#include "base/banned.h"

static const uint32_t polynomial = 0x82f63b78; /* bits reversed */

void crc32c_init(struct crc32c *t)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;

        for (unsigned bit = 0; bit < 8; bit++)
            v = v >> 1 ^ ((v & 1) != 0 ? polynomial : 0);
        t->table[0][i] = v;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (unsigned k = 1; k < 8; k++)
            t->table[k][i] = t->table[k - 1][i] >> 8 ^ t->table[0][t->table[k - 1][i] & 255];
}

uint32_t crc32c(const struct crc32c *t, uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                              (uint32_t)p[3] << 24);

        crc = t->table[7][low & 255] ^ t->table[6][low >> 8 & 255] ^ t->table[5][low >> 16 & 255] ^
              t->table[4][low >> 24] ^ t->table[3][p[4]] ^ t->table[2][p[5]] ^ t->table[1][p[6]] ^
              t->table[0][p[7]];
    }
    for (; len > 0; len--, p++)
        crc = crc >> 8 ^ t->table[0][(crc ^ *p) & 255];
    return ~crc;
}
