#pragma once
#include <cblas.h>
#include <lapacke.h>

// Debian's OpenBLAS exports the functions that choose its kernels for the CPU at
// load time. They are declared weak: another build of the library may lack them.
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

// Ends the pool of worker threads; without it the library computes on the caller's thread.
extern int blas_thread_shutdown_(void) __attribute__((weak));

static inline void modinspect_stop_idle_workers(void) {
    if (blas_thread_shutdown_ != 0) blas_thread_shutdown_();
}

// The memory that a call of the library works in; what is given back is kept for the next call.
extern void *blas_memory_alloc(int) __attribute__((weak));
extern void blas_memory_free(void *) __attribute__((weak));

static inline int modinspect_can_reserve_memory(void) {
    return blas_memory_alloc != 0 && blas_memory_free != 0;
}

static inline int modinspect_can_reselect_kernels(void) {
    return gotoblas_dynamic_init != 0 && gotoblas_dynamic_quit != 0;
}

// The feature tests are compiler built-ins on x86-64 only; elsewhere they answer no.
static inline int modinspect_cpu_supports_v3(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
    return 0;
#endif
}

static inline int modinspect_cpu_supports_v4(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

// Tells the core that the caller waits in a loop for another core's store.
static inline void modinspect_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
