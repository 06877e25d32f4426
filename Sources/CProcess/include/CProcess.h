// What the system tells a process and Swift's library does not pass on: the original arguments, signals, mapped files that are
// truncated, memory that runs out, and how a child ended.

#ifndef CPROCESS_H
#define CPROCESS_H

#include <stddef.h>

/// The number of the process's arguments, and the arguments, as `main` receives them.
///
/// Swift's `CommandLine` reads them from /proc, which may not be mounted.
int cprocess_argument_count(void);
char **cprocess_arguments(void);

/// Exchanges two paths in one step.
///
/// Returns 0, or -1 with `errno` set: EINVAL or ENOSYS if the file system or the kernel does not support it.
int cprocess_exchange(const char *first, const char *second);

/// Registers a path that is removed, as a file or as an empty directory, when SIGINT, SIGTERM, SIGHUP or `cprocess_stop` ends the process.
/// Paths are removed in reverse order, so a directory is registered before its files.
///
/// Returns a number for `cprocess_forget`, or -1 if no more can be registered.
int cprocess_keep(const char *path);
void cprocess_forget(int number);

/// From now on the signal removes the registered paths and then ends the process as it would have without this call.
/// May be called from a signal handler.
void cprocess_clean_on(int signal);

/// Removes the registered paths, writes a line to standard error and ends the process with status 1. Exit handlers do not run.
/// May be called from a signal handler and from any thread; only the first call's line is written.
_Noreturn void cprocess_stop(const char *line);

/// Registers the bytes from `start` on as a mapping of the file called `path`: reading a page that is missing because the file was
/// truncated ends the process by `cprocess_stop` with the file's name instead of by SIGBUS.
///
/// Returns a number for `cprocess_unmapped`, which is called before the bytes are unmapped, or NULL if there is no memory for one.
void *cprocess_mapped(const void *start, size_t count, const char *path);
void cprocess_unmapped(void *entry);

/// Sets how many bytes the process's own pages may use together: an allocation beyond that ends the process by
/// `cprocess_out_of_memory`; in C libraries, one of 4 MB or more fails. It is checked every 4 MB. Without this call nothing is counted.
void cprocess_limit_memory(size_t byte_count);

/// Sets the exit status with which `cprocess_out_of_memory` ends the process, so that whoever started it can tell.
void cprocess_set_memory_status(int status);

/// Ends the process as `cprocess_stop` does, because `byte_count` bytes are not available; `left` is what a limit leaves, SIZE_MAX if there is none.
_Noreturn void cprocess_out_of_memory(size_t byte_count, size_t left);

/// Makes the process a worker of the process `parent`: it ends when that does, ignores the signals that are meant for that, leaves no core file,
/// and is the first to end if the system runs out of memory. Returns 0, or -1 if the parent has ended already.
int cprocess_become_worker(int parent);

/// The signal that ended a process, from the status that `waitpid` gives; 0 if none did.
int cprocess_signal_of(int status);
/// The exit status of a process, from the status that `waitpid` gives; -1 if a signal ended it.
int cprocess_exit_status_of(int status);
/// The name of a signal without SIG, such as SEGV; NULL if it is not known.
const char *cprocess_signal_name(int number);

#endif
