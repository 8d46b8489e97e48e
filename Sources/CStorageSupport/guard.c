#define _GNU_SOURCE
#include "CStorageSupport.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static _Thread_local sigjmp_buf *volatile active_guard;
static struct sigaction previous_action;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static int install_result;

static void on_bus_error(int signal_number, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    sigjmp_buf *guard = active_guard;
    if (guard != NULL) {
        active_guard = NULL;
        siglongjmp(*guard, 1);
    }
    // Not one of ours: the fault repeats under the handler that was there before.
    sigaction(signal_number, &previous_action, NULL);
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    install_result = sigaction(SIGBUS, &action, &previous_action) == 0 ? 0 : errno;
}

int storage_guard_install(void) {
    pthread_once(&install_once, install);
    return install_result;
}

int storage_copy_guarded(void *destination, const void *source, size_t count) {
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return -1;
    active_guard = &here;
    __asm__ volatile("" ::: "memory");
    memcpy(destination, source, count);
    __asm__ volatile("" ::: "memory");
    active_guard = NULL;
    return 0;
}

int storage_zero_guarded(void *destination, size_t count) {
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return -1;
    active_guard = &here;
    __asm__ volatile("" ::: "memory");
    memset(destination, 0, count);
    __asm__ volatile("" ::: "memory");
    active_guard = NULL;
    return 0;
}

int storage_populate_write(void *address, size_t count) {
    return madvise(address, count, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
}

int storage_lock_byte_zero(int fd) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

int storage_reserve(int fd, int64_t size) {
    return fallocate(fd, 0, 0, size) == 0 ? 0 : errno;
}

int storage_punch(int fd, int64_t offset, int64_t count) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count) == 0 ? 0 : errno;
}

int storage_reserve_range(int fd, int64_t offset, int64_t count) {
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, count) == 0 ? 0 : errno;
}

int storage_zero_range(int fd, int64_t offset, int64_t count) {
    return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, count) == 0 ? 0 : errno;
}

int64_t storage_next_data(int fd, int64_t offset) {
    off_t found = lseek(fd, offset, SEEK_DATA);
    if (found >= 0) return found;
    // ENXIO: only a hole is left. A file system without the call has data everywhere.
    return errno == ENXIO ? -1 : offset;
}

int64_t storage_next_hole(int fd, int64_t offset) {
    off_t found = lseek(fd, offset, SEEK_HOLE);
    return found >= 0 ? found : INT64_MAX;
}

void storage_set_read_ahead(int fd, int is_on) {
    // Advice only: without it reads are slower, or bring more into the cache.
    (void)posix_fadvise(fd, 0, 0, is_on ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
}

int storage_is_zero(const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    // Each byte equals the next and the first is zero.
    return count == 0 || (p[0] == 0 && memcmp(p, p + 1, count - 1) == 0);
}

int storage_synchronize_file_system(int fd) {
    return syncfs(fd) == 0 ? 0 : errno;
}

int storage_local_hour(int64_t seconds) {
    time_t moment = (time_t)seconds;
    struct tm parts;
    return localtime_r(&moment, &parts) == NULL ? -1 : parts.tm_hour;
}

void storage_name_thread(const char *name) {
    char shortened[16];
    strncpy(shortened, name, sizeof shortened - 1);
    shortened[sizeof shortened - 1] = '\0';
    pthread_setname_np(pthread_self(), shortened);
}
