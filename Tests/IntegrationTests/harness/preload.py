"""C libraries put in front of the C library of a server: a disk that fails or is slow, counters."""

import subprocess
from pathlib import Path

# Each flush takes as long as the file named by SLOW_FLUSH says, in microseconds.
SLOW_FLUSH = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    const char *path = getenv("SLOW_FLUSH");
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    unsigned micros = 0;
    if (file != NULL) {
        if (fscanf(file, "%u", &micros) != 1) micros = 0;
        fclose(file);
    }
    usleep(micros);
    return real(descriptor);
}
"""

# Fails every flush while the file named by FAIL_FLUSH exists, as a dying disk does.
FAILING_FLUSH = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int fails(void) {
    const char *path = getenv("FAIL_FLUSH");
    if (path == NULL || access(path, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}

int fdatasync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails() ? -1 : real(descriptor);
}

int fsync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails() ? -1 : real(descriptor);
}

int msync(void *start, size_t length, int flags) {
    int (*real)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");
    return fails() ? -1 : real(start, length, flags);
}
"""


def build(source: str, folder: Path) -> Path:
    """Compiles a library for LD_PRELOAD."""
    code, library = folder / "preload.c", folder / "preload.so"
    code.write_text(source)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(code), "-ldl"], check=True)
    return library
