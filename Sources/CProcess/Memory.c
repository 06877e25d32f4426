#define _GNU_SOURCE
#include "CProcess.h"
#include "Line.h"

#include <dlfcn.h>
#include <errno.h>
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
// functions, which take the C library's place and call it, end the process with a line. C libraries still get NULL, which they look for.
// Sanitizers have allocation functions of their own.
#if defined(__GLIBC__) && !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// What the caller gets: NULL, if it can deal with that.
__attribute__((noinline, cold)) static void *refused(size_t size, void *caller) {
    Dl_info of_caller, own;
    if (!dladdr(caller, &of_caller) || !of_caller.dli_fname) return NULL;
    const char *slash = strrchr(of_caller.dli_fname, '/');
    const char *name = slash ? slash + 1 : of_caller.dli_fname;
    int is_own = dladdr((void *)refused, &own) && own.dli_fbase == of_caller.dli_fbase;
    if (is_own || begins(name, "libswift") || begins(name, "libFoundation") || begins(name, "libstdc++")) cprocess_out_of_memory(size);
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size) {
    void *place = __libc_malloc(size);
    return place ? place : refused(size, __builtin_return_address(0));
}

void *calloc(size_t count, size_t size) {
    void *place = __libc_calloc(count, size);
    return place ? place : refused(count * size, __builtin_return_address(0));
}

void *realloc(void *old, size_t size) {
    void *place = __libc_realloc(old, size);
    return place || size == 0 ? place : refused(size, __builtin_return_address(0));
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *found = __libc_memalign(alignment, size);
    if (!found) found = refused(size, __builtin_return_address(0));
    if (!found) return ENOMEM;
    *place = found;
    return 0;
}

#endif
