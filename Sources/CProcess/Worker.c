#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int cprocess_become_worker(int parent) {
    // Whoever ends the parent ends its workers; a terminal and a scheduler send these to all processes, and the parent alone decides.
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return -1;
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    // If the system runs out of memory, it ends a worker and not the parent.
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t count = write(file, "500", 3);
        (void)count;
        close(file);
    }
    return 0;
}

int cprocess_signal_of(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

int cprocess_exit_status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

const char *cprocess_signal_name(int number) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    return sigabbrev_np(number);
#else
    (void)number;
    return NULL;
#endif
}
