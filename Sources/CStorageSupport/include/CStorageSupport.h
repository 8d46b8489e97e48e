#ifndef C_STORAGE_SUPPORT_H
#define C_STORAGE_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/// Installs the process-wide SIGBUS handler behind the guarded copies; safe to call often.
int storage_guard_install(void);

/// memcpy where one side is a mapped file. A page that cannot be read or written (bad disk, no space, file system
/// gone read-only) gives -1 instead of killing the process.
int storage_copy_guarded(void *destination, const void *source, size_t count);

/// memset over a mapped file, guarded like the copy.
int storage_zero_guarded(void *destination, size_t count);

/// Begins to fetch the cache line of an address that is written to in a moment; never faults.
static inline void storage_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/// CRC-32 with the zlib polynomial; `crc` is the value of the bytes before (0 at the start).
uint32_t storage_crc32(uint32_t crc, const void *bytes, size_t count);

/// The same by tables only, for the test that compares both.
uint32_t storage_crc32_portable(uint32_t crc, const void *bytes, size_t count);

/// Faults in and dirties the pages of a shared mapping; 0, or an errno. EINVAL: the kernel does not know the advice.
int storage_populate_write(void *address, size_t count);

/// Takes an exclusive lock of byte 0 for as long as `fd` is open; 0, or an errno. It conflicts with the record lock
/// that Java's FileChannel takes.
int storage_lock_byte_zero(int fd);

/// Reserves blocks for the first `size` bytes; 0, or an errno.
int storage_reserve(int fd, int64_t size);

/// Makes a byte range read as zeros, without changing the file size; 0, or an errno.
int storage_punch(int fd, int64_t offset, int64_t count);

/// Reserves blocks for a byte range without changing the file size or its content; 0, or an errno.
int storage_reserve_range(int fd, int64_t offset, int64_t count);

/// Makes a byte range read as zeros and keeps its blocks, without changing the file size; 0, or an errno.
int storage_zero_range(int fd, int64_t offset, int64_t count);

/// The first offset at or behind `offset` that is not in a hole of the file; -1 when there is none.
int64_t storage_next_data(int fd, int64_t offset);

/// The first offset at or behind `offset` that is in a hole, the end of the file at the latest.
int64_t storage_next_hole(int fd, int64_t offset);

/// Whether reads bring in what lies behind them. Reads of a sparse file that do would make its holes look like data.
void storage_set_read_ahead(int fd, int is_on);

/// Whether all bytes are zero: 1 or 0.
int storage_is_zero(const void *bytes, size_t count);

/// Makes everything on the file system of `fd` durable; 0, or an errno, that of an earlier failed write too.
int storage_synchronize_file_system(int fd);

/// Hour of the day, 0 to 23, in the time zone of the process; -1 when it cannot be told.
int storage_local_hour(int64_t seconds);

/// Names the calling thread, at most 15 bytes of it.
void storage_name_thread(const char *name);

#endif
