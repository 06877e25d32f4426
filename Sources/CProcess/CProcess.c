#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int argument_count;
static char **arguments;

// The C library calls constructors with main's arguments.
__attribute__((constructor)) static void receive(int count, char **values) {
    argument_count = count;
    arguments = values;
}

int cprocess_argument_count(void) { return argument_count; }

char **cprocess_arguments(void) { return arguments; }

int cprocess_exchange(const char *first, const char *second) {
#ifdef SYS_renameat2
    return (int)syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, 2u /* RENAME_EXCHANGE */);
#else
    errno = ENOSYS;
    return -1;
#endif
}
