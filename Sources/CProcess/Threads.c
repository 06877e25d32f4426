// OpenBLAS starts a thread for each core before main, and fails if the system refuses one. The program computes on its own
// threads, so it replaces this function of the library, which then starts none. Another build of the library, or one that is linked in, may
// not call it.
__attribute__((weak)) int blas_thread_init(void) { return 0; }
