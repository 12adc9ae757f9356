/*
 * Slows every fsync and fdatasync of a program, to show what a slower disk does to it.
 *
 *     SLOW_FSYNC_MS=8 SLOW_FSYNC_COUNT=/some/file LD_PRELOAD=slowfsync.so program
 *
 * Waits SLOW_FSYNC_MS milliseconds, then calls the real function. SLOW_FSYNC_COUNT names a file of at least 8 bytes, in
 * which the calls are counted (unsigned 64 bits, the machine's byte order). The benchmark reads it: without a count, a
 * library that was silently not loaded would look like a very good result.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static struct timespec delay;
static _Atomic uint64_t private_count;
static _Atomic uint64_t *count = &private_count;

__attribute__((constructor)) static void prepare(void) {
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    const char *milliseconds = getenv("SLOW_FSYNC_MS");
    long nanoseconds = milliseconds ? (long)(atof(milliseconds) * 1e6) : 0;
    delay.tv_sec = nanoseconds / 1000000000L;
    delay.tv_nsec = nanoseconds % 1000000000L;

    const char *path = getenv("SLOW_FSYNC_COUNT");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) count = page;
}

static void wait_a_little(void) {
    atomic_fetch_add(count, 1);
    struct timespec left = delay;
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {}
}

int fsync(int file) {
    wait_a_little();
    return real_fsync(file);
}

int fdatasync(int file) {
    wait_a_little();
    return real_fdatasync(file);
}
