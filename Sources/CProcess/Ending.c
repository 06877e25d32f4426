#define _GNU_SOURCE
#include "CProcess.h"
#include "Line.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 4096
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

// In this file signal handlers do only what POSIX allows them: unlink, rmdir, write, sigaction, raise, pause and _exit.

static void clean(void) {
    for (int place = PLACES - 1; place >= 0; place--) {
        char *path = atomic_exchange(&kept[place], NULL);
        if (path && unlink(path) != 0 && (errno == EISDIR || errno == EPERM)) rmdir(path);
    }
}

static void clean_and_end(int signal) {
    clean();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, NULL);
    raise(signal);
}

void cprocess_clean_on(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = clean_and_end;
    sigaction(signal, &action, NULL);
}

void cprocess_stop(const char *line) { cprocess_stop_with(line, 1); }

void cprocess_stop_with(const char *line, int status) {
    static atomic_flag is_ending = ATOMIC_FLAG_INIT;
    // Another thread is about to end the process.
    while (atomic_flag_test_and_set(&is_ending)) pause();
    clean();
    size_t length = strlen(line);
    while (length > 0) {
        ssize_t count = write(STDERR_FILENO, line, length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        line += count;
        length -= (size_t)count;
    }
    _exit(status);
}
