// What a process is told by its system and Swift's library does not hand on: its arguments as they came, signals, mapped files that are cut
// short, and memory that is not to be had.

#ifndef CPROCESS_H
#define CPROCESS_H

#include <stddef.h>

/// The number of the process's arguments, and the arguments, as `main` receives them.
///
/// Swift's `CommandLine` reads them from /proc, which need not be there.
int cprocess_argument_count(void);
char **cprocess_arguments(void);

/// Exchanges two paths in one step.
///
/// Returns 0, or -1 with `errno` set: EINVAL or ENOSYS where the file system or the kernel cannot.
int cprocess_exchange(const char *first, const char *second);

/// Keeps a path that is removed, as a file or as an empty directory, when SIGINT, SIGTERM or SIGHUP ends the process, or `cprocess_stop`.
/// What was kept later is removed earlier: a directory is kept before its files.
///
/// Returns a number for `cprocess_forget`, or -1 where no more can be kept.
int cprocess_keep(const char *path);
void cprocess_forget(int number);

/// From now on the signal removes what is kept and then ends the process as it would have without this call.
/// May be called from a signal handler.
void cprocess_clean_on(int signal);

/// Removes what is kept, writes a line to standard error and ends the process with status 1. Nothing else runs at exit.
/// May be called from a signal handler and from any thread; only the first call's line is written.
_Noreturn void cprocess_stop(const char *line);

/// Says that the bytes from `start` on are a mapping of the file called `path`: a page that is missing when it is read, since the file was
/// cut short, ends the process by `cprocess_stop` with the file's name instead of by SIGBUS.
///
/// Returns a number for `cprocess_unmapped`, which is called before the bytes are unmapped, or NULL where there is no memory for one.
void *cprocess_mapped(const void *start, size_t count, const char *path);
void cprocess_unmapped(void *entry);

/// Says how many bytes the process's own pages may take together: an allocation that would go beyond it ends the process by
/// `cprocess_out_of_memory`; in C libraries, one of 4 MB or more fails. It is looked at every 4 MB. Without this call nothing is counted.
void cprocess_limit_memory(size_t byte_count);

/// Ends the process by `cprocess_stop`, since so many bytes are not to be had; `left` is what a limit leaves, SIZE_MAX where there is none.
_Noreturn void cprocess_out_of_memory(size_t byte_count, size_t left);

#endif
