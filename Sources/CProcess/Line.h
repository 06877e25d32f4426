// Lines put together without the C library's formatting, which neither a signal handler nor a process without memory may call.

#ifndef LINE_H
#define LINE_H

#include <stddef.h>
#include <string.h>

struct line {
    char text[4096];
    size_t length;
};

// What does not fit is left out, but for the line's end.
static inline void line_add(struct line *line, const char *words) {
    while (*words && line->length < sizeof line->text - 2) line->text[line->length++] = *words++;
    line->text[line->length] = 0;
}

static inline void line_add_number(struct line *line, unsigned long long number) {
    char digits[24];
    size_t place = sizeof digits - 1;
    digits[place] = 0;
    do digits[--place] = (char)('0' + number % 10); while (number /= 10);
    line_add(line, digits + place);
}

static inline void line_end(struct line *line) {
    line->text[line->length++] = '\n';
    line->text[line->length] = 0;
}

// What `cprocess_stop` does, with another exit status.
_Noreturn void cprocess_stop_with(const char *line, int status);

#endif
