#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

#define PLACES 64
static _Atomic(char *) kept[PLACES];

int cprocess_keep(const char *path) {
    char *copy = strdup(path);
    if (!copy) return -1;
    // The highest place that is taken bounds the search from below, so that later paths have later places.
    int first = PLACES;
    while (first > 0 && !atomic_load(&kept[first - 1])) first--;
    for (int place = first; place < PLACES; place++) {
        char *none = NULL;
        if (atomic_compare_exchange_strong(&kept[place], &none, copy)) return place;
    }
    free(copy);
    return -1;
}

void cprocess_forget(int number) {
    if (number < 0 || number >= PLACES) return;
    free(atomic_exchange(&kept[number], NULL));
}

// Only what POSIX allows in a handler: unlink, rmdir, sigaction and raise.
static void clean(int signal) {
    for (int place = PLACES - 1; place >= 0; place--) {
        char *path = atomic_exchange(&kept[place], NULL);
        if (path && unlink(path) != 0 && (errno == EISDIR || errno == EPERM)) rmdir(path);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, NULL);
    raise(signal);
}

void cprocess_clean_on(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = clean;
    sigaction(signal, &action, NULL);
}
