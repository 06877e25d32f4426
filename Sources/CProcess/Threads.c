// OpenBLAS starts a thread for each core before main, and gives up where the system has none to give. The program computes on threads of
// its own: it takes this symbol's place in the library, which then starts none. Another build of the library, or one that is linked in, may
// not look here.
__attribute__((weak)) int blas_thread_init(void) { return 0; }
