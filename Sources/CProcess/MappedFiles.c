#define _GNU_SOURCE
#include "CProcess.h"
#include "Line.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// A table that grows and whose entries are used again, without locks: the handler may interrupt anything.
enum state { FREE, CHANGING, LIVE };

struct entry {
    _Atomic(enum state) state;
    uintptr_t start;
    size_t count;
    char *path;
};

#define ENTRIES 256
struct table {
    struct entry entries[ENTRIES];
    _Atomic(struct table *) next;
};

static struct table first_table;
static struct sigaction previous;

// The entry that contains an address. Whoever reads an address keeps its file mapped, and thus its entry alive.
static struct entry *entry_of(uintptr_t address) {
    for (struct table *table = &first_table; table; table = atomic_load(&table->next)) {
        for (int place = 0; place < ENTRIES; place++) {
            struct entry *entry = &table->entries[place];
            if (atomic_load(&entry->state) == LIVE && address >= entry->start && address - entry->start < entry->count) return entry;
        }
    }
    return NULL;
}

// Names may hold anything; one line stays one line.
static void add_name(struct line *line, const char *path) {
    for (; *path; path++) {
        char shown[2] = {(unsigned char)*path < 0x20 || *path == 0x7F ? '?' : *path, 0};
        line_add(line, shown);
    }
}

static void missing_page(int signal, siginfo_t *information, void *context) {
    (void)context;
    struct entry *entry = entry_of((uintptr_t)information->si_addr);
    if (!entry) {
        // None of ours: the instruction fails again, as it would have without this handler.
        sigaction(signal, &previous, NULL);
        return;
    }
    struct line line = {.length = 0};
    // The line of a progress bar is drawn over.
    if (isatty(STDERR_FILENO)) line_add(&line, "\r\033[K");
    line_add(&line, "modinspect: ");
    add_name(&line, entry->path);
    struct stat status;
    int is_known = entry->path[0] == '-' && !entry->path[1] ? fstat(STDIN_FILENO, &status) == 0 : stat(entry->path, &status) == 0;
    if (is_known && status.st_size >= 0 && (size_t)status.st_size < entry->count) {
        line_add(&line, ": the file was cut short while it was read, expected ");
        line_add_number(&line, entry->count);
        line_add(&line, " bytes, found ");
        line_add_number(&line, (unsigned long long)status.st_size);
    } else {
        line_add(&line, ": a part of the file could not be read: it was cut short meanwhile, or its disk failed");
    }
    line_end(&line);
    cprocess_stop(line.text);
}

static void install(void) {
    static atomic_flag is_installed = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&is_installed)) return;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = missing_page;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, &previous);
}

void *cprocess_mapped(const void *start, size_t count, const char *path) {
    char *copy = strdup(path);
    if (!copy) return NULL;
    install();
    for (struct table *table = &first_table;;) {
        for (int place = 0; place < ENTRIES; place++) {
            struct entry *entry = &table->entries[place];
            enum state is_free = FREE;
            if (atomic_load(&entry->state) != FREE || !atomic_compare_exchange_strong(&entry->state, &is_free, CHANGING)) continue;
            entry->start = (uintptr_t)start;
            entry->count = count;
            entry->path = copy;
            atomic_store(&entry->state, LIVE);
            return entry;
        }
        struct table *next = atomic_load(&table->next);
        if (!next) {
            struct table *added = calloc(1, sizeof *added);
            if (!added) break;
            if (atomic_compare_exchange_strong(&table->next, &next, added)) next = added;
            else free(added);
        }
        table = next;
    }
    free(copy);
    return NULL;
}

void cprocess_unmapped(void *place) {
    struct entry *entry = place;
    if (!entry) return;
    atomic_store(&entry->state, CHANGING);
    char *path = entry->path;
    entry->path = NULL;
    atomic_store(&entry->state, FREE);
    free(path);
}
