#define _GNU_SOURCE
#include "CProcess.h"
#include "Line.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

void cprocess_out_of_memory(size_t byte_count) {
    struct line line = {.length = 0};
    if (isatty(STDERR_FILENO)) line_add(&line, "\r\033[K");
    line_add(&line, "modinspect: not enough memory, expected ");
    line_add_number(&line, byte_count);
    line_add(&line, " bytes more");
    line_end(&line);
    cprocess_stop(line.text);
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

// Swift's library traps where an array cannot grow, and C++'s ends the process. Nobody could catch that, so the program's own allocation
// functions, which stand before the C library's or a preloaded one's and call those, end the process with a line. C libraries still get NULL,
// which they look for. Sanitizers have allocation functions of their own.
#if defined(__GLIBC__) && !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer)

typedef void *one_size(size_t);
typedef void *two_sizes(size_t, size_t);
typedef void *resizing(void *, size_t);
typedef int aligning(void **, size_t, size_t);

// The function of that name in whatever comes behind the program. Whoever asks first stores it: all find the same.
#define NEXT(type, name) \
    static _Atomic(type *) next; \
    type *function = atomic_load_explicit(&next, memory_order_relaxed); \
    if (!function) { \
        function = (type *)dlsym(RTLD_NEXT, name); \
        if (!function) abort(); \
        atomic_store_explicit(&next, function, memory_order_relaxed); \
    }

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// Ends the process unless the caller can deal with NULL.
__attribute__((noinline, cold)) static void refused(size_t size, void *caller) {
    Dl_info of_caller, own;
    if (!dladdr(caller, &of_caller) || !of_caller.dli_fname) return;
    const char *slash = strrchr(of_caller.dli_fname, '/');
    const char *name = slash ? slash + 1 : of_caller.dli_fname;
    int is_own = dladdr((void *)refused, &own) && own.dli_fbase == of_caller.dli_fbase;
    if (is_own || begins(name, "libswift") || begins(name, "libFoundation") || begins(name, "libstdc++")) cprocess_out_of_memory(size);
    errno = ENOMEM;
}

void *malloc(size_t size) {
    NEXT(one_size, "malloc")
    void *place = function(size);
    if (!place && size > 0) refused(size, __builtin_return_address(0));
    return place;
}

void *calloc(size_t count, size_t size) {
    NEXT(two_sizes, "calloc")
    void *place = function(count, size);
    if (!place && count > 0 && size > 0) refused(count * size, __builtin_return_address(0));
    return place;
}

void *realloc(void *old, size_t size) {
    NEXT(resizing, "realloc")
    void *place = function(old, size);
    if (!place && size > 0) refused(size, __builtin_return_address(0));
    return place;
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    NEXT(aligning, "posix_memalign")
    int status = function(place, alignment, size);
    if (status == ENOMEM) refused(size, __builtin_return_address(0));
    return status;
}

#endif
