#define _GNU_SOURCE
#include "CProcess.h"
#include "Line.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// The bytes that the process's own pages may use before the kernel would end it by SIGKILL.
static _Atomic size_t allowance = SIZE_MAX;

static _Atomic int memory_status = 1;

void cprocess_set_memory_status(int status) { atomic_store(&memory_status, status); }

void cprocess_limit_memory(size_t byte_count) { atomic_store(&allowance, byte_count); }

// The memory of the process other than file pages, which the kernel cannot reclaim; 0 if it is not known.
static size_t own_memory(void) {
    char text[256];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return 0;
    text[count] = 0;
    // The program's size, what of it is in memory, and what of that is of files, in pages.
    char *rest = text;
    strtoull(rest, &rest, 10);
    size_t resident = strtoull(rest, &rest, 10), shared = strtoull(rest, &rest, 10);
    return resident > shared ? (resident - shared) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

// What may still be taken; SIZE_MAX where nothing limits it.
static size_t left_of_allowance(void) {
    size_t limit = atomic_load_explicit(&allowance, memory_order_relaxed);
    if (limit == SIZE_MAX) return SIZE_MAX;
    size_t own = own_memory();
    return own < limit ? limit - own : 0;
}

void cprocess_out_of_memory(size_t byte_count, size_t left) {
    struct line line = {.length = 0};
    if (isatty(STDERR_FILENO)) line_add(&line, "\r\033[K");
    line_add(&line, "modinspect: not enough memory, expected ");
    line_add_number(&line, byte_count);
    line_add(&line, " bytes more");
    if (left != SIZE_MAX) {
        line_add(&line, ", found ");
        line_add_number(&line, left);
        line_add(&line, " within the limit of the control group");
    }
    line_end(&line);
    cprocess_stop_with(line.text, atomic_load(&memory_status));
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

// Swift's library traps if an array cannot grow, and C++'s ends the process. Nobody could catch that, so the program's own allocation
// functions, which precede those of the C library or of a preloaded one and call them, end the process with a line. C libraries still get NULL,
// for which they check. Sanitizers have their own allocation functions.
#if defined(__GLIBC__) && !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer)

typedef void *one_size(size_t);
typedef void *two_sizes(size_t, size_t);
typedef void *resizing(void *, size_t);
typedef int aligning(void **, size_t, size_t);

// The next function of that name after the program's. The first caller stores it; all callers find the same one.
#define NEXT(type, name) \
    static _Atomic(type *) next; \
    type *function = atomic_load_explicit(&next, memory_order_relaxed); \
    if (!function) { \
        function = (type *)dlsym(RTLD_NEXT, name); \
        if (!function) abort(); \
        atomic_store_explicit(&next, function, memory_order_relaxed); \
    }

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// The allowance is checked whenever this much was requested, in one piece or in many, since asking the kernel takes microseconds. It leaves room for that.
enum { large = 4 << 20 };
static _Atomic size_t asked;

// The bytes that are left if `size` more are too many, otherwise SIZE_MAX.
static inline size_t shortage(size_t size) {
    if (atomic_load_explicit(&allowance, memory_order_relaxed) == SIZE_MAX) return SIZE_MAX;
    size_t before = atomic_fetch_add_explicit(&asked, size, memory_order_relaxed);
    if (size < large && before + size < large) return SIZE_MAX;
    atomic_store_explicit(&asked, 0, memory_order_relaxed);
    size_t left = left_of_allowance();
    return size > left ? left : SIZE_MAX;
}

// Ends the process unless the caller can deal with NULL.
__attribute__((noinline, cold)) static void refused(size_t size, size_t left, void *caller) {
    Dl_info of_caller, own;
    if (!dladdr(caller, &of_caller) || !of_caller.dli_fname) return;
    const char *slash = strrchr(of_caller.dli_fname, '/');
    const char *name = slash ? slash + 1 : of_caller.dli_fname;
    int is_own = dladdr((void *)refused, &own) && own.dli_fbase == of_caller.dli_fbase;
    if (is_own || begins(name, "libswift") || begins(name, "libFoundation") || begins(name, "libstdc++")) cprocess_out_of_memory(size, left);
    errno = ENOMEM;
}

// Ends the process if the allowance is used up. Otherwise returns whether the caller gets NULL: C libraries do, but only for large pieces, since
// few of them check for it everywhere.
static inline int is_refused(size_t size, void *caller) {
    size_t left = shortage(size);
    if (left == SIZE_MAX) return 0;
    refused(size, left, caller);
    return size >= large;
}

void *malloc(size_t size) {
    NEXT(one_size, "malloc")
    if (is_refused(size, __builtin_return_address(0))) return NULL;
    void *place = function(size);
    if (!place && size > 0) refused(size, SIZE_MAX, __builtin_return_address(0));
    return place;
}

void *calloc(size_t count, size_t size) {
    NEXT(two_sizes, "calloc")
    size_t both;
    if (!__builtin_mul_overflow(count, size, &both) && is_refused(both, __builtin_return_address(0))) return NULL;
    void *place = function(count, size);
    if (!place && count > 0 && size > 0) refused(count * size, SIZE_MAX, __builtin_return_address(0));
    return place;
}

void *realloc(void *old, size_t size) {
    NEXT(resizing, "realloc")
    size_t before = size < large ? 0 : malloc_usable_size(old);
    if (size > before && is_refused(size - before, __builtin_return_address(0))) return NULL;
    void *place = function(old, size);
    if (!place && size > 0) refused(size, SIZE_MAX, __builtin_return_address(0));
    return place;
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    NEXT(aligning, "posix_memalign")
    if (is_refused(size, __builtin_return_address(0))) return ENOMEM;
    int status = function(place, alignment, size);
    if (status == ENOMEM) refused(size, SIZE_MAX, __builtin_return_address(0));
    return status;
}

#endif
