#include "CStorageSupport.h"

#include <pthread.h>
#include <string.h>

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0);
        tables[0][i] = value;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int t = 1; t < 8; t++) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xFF];
    }
}

// Works on the inverted register, eight bytes a step.
static uint32_t update_by_table(uint32_t crc, const unsigned char *p, size_t count) {
    pthread_once(&tables_once, make_tables);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (count >= 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= crc;
        crc = tables[7][low & 0xFF] ^ tables[6][(low >> 8) & 0xFF] ^ tables[5][(low >> 16) & 0xFF] ^
              tables[4][low >> 24] ^ tables[3][high & 0xFF] ^ tables[2][(high >> 8) & 0xFF] ^
              tables[1][(high >> 16) & 0xFF] ^ tables[0][high >> 24];
        p += 8;
        count -= 8;
    }
#endif
    while (count-- > 0) crc = (crc >> 8) ^ tables[0][(crc ^ *p++) & 0xFF];
    return crc;
}

uint32_t storage_crc32_portable(uint32_t crc, const void *bytes, size_t count) {
    return ~update_by_table(~crc, bytes, count);
}

#if defined(__x86_64__)
#include <immintrin.h>

// Carry-less multiplication folds 64 bytes a step; needs at least 64 bytes and a multiple of 16.
__attribute__((target("sse4.1,pclmul")))
static uint32_t update_by_folding(uint32_t crc, const unsigned char *p, size_t count) {
    const __m128i fold_by_four = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i fold_by_one = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i fold_to_half = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low_words = _mm_setr_epi32(~0, 0, ~0, 0);
    __m128i lane[4];
    for (int i = 0; i < 4; i++) lane[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)crc));
    p += 64;
    count -= 64;
    while (count >= 64) {
        for (int i = 0; i < 4; i++) {
            __m128i low = _mm_clmulepi64_si128(lane[i], fold_by_four, 0x00);
            __m128i high = _mm_clmulepi64_si128(lane[i], fold_by_four, 0x11);
            __m128i next = _mm_loadu_si128((const __m128i *)(p + 16 * i));
            lane[i] = _mm_xor_si128(_mm_xor_si128(low, high), next);
        }
        p += 64;
        count -= 64;
    }
    __m128i sum = lane[0];
    for (int i = 1; i < 4; i++) {
        __m128i low = _mm_clmulepi64_si128(sum, fold_by_one, 0x00);
        __m128i high = _mm_clmulepi64_si128(sum, fold_by_one, 0x11);
        sum = _mm_xor_si128(_mm_xor_si128(low, high), lane[i]);
    }
    while (count >= 16) {
        __m128i low = _mm_clmulepi64_si128(sum, fold_by_one, 0x00);
        __m128i high = _mm_clmulepi64_si128(sum, fold_by_one, 0x11);
        sum = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128((const __m128i *)p));
        p += 16;
        count -= 16;
    }
    __m128i part = _mm_clmulepi64_si128(sum, fold_by_one, 0x10);
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), part);
    part = _mm_srli_si128(sum, 4);
    sum = _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), fold_to_half, 0x00);
    sum = _mm_xor_si128(sum, part);
    part = _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), barrett, 0x10);
    part = _mm_clmulepi64_si128(_mm_and_si128(part, low_words), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, part), 1);
}

uint32_t storage_crc32(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    uint32_t value = ~crc;
    if (count >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        size_t folded = count & ~(size_t)15;
        value = update_by_folding(value, p, folded);
        p += folded;
        count -= folded;
    }
    return ~update_by_table(value, p, count);
}
#else
uint32_t storage_crc32(uint32_t crc, const void *bytes, size_t count) {
    return storage_crc32_portable(crc, bytes, count);
}
#endif
