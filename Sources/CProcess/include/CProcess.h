// What a process is told by its system and Swift's library does not hand on: its arguments as they came, and signals.

#ifndef CPROCESS_H
#define CPROCESS_H

/// The number of the process's arguments, and the arguments, as `main` receives them.
///
/// Swift's `CommandLine` reads them from /proc, which need not be there.
int cprocess_argument_count(void);
char **cprocess_arguments(void);

/// Exchanges two paths in one step.
///
/// Returns 0, or -1 with `errno` set: EINVAL or ENOSYS where the file system or the kernel cannot.
int cprocess_exchange(const char *first, const char *second);

/// Keeps a path that is removed, as a file or as an empty directory, when SIGINT, SIGTERM or SIGHUP ends the process.
/// What was kept later is removed earlier: a directory is kept before its files.
///
/// Returns a number for `cprocess_forget`, or -1 where no more can be kept.
int cprocess_keep(const char *path);
void cprocess_forget(int number);

/// From now on the signal removes what is kept and then ends the process as it would have without this call.
/// May be called from a signal handler.
void cprocess_clean_on(int signal);

#endif
