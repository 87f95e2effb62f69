/* What the file holds (stretch-file.ts says how), and how a failure is told. */
#ifndef STRETCH_H
#define STRETCH_H

#include <stddef.h>
#include <stdint.h>

enum { PAGE_BYTES = 4096, GENERAL = 8, SEGMENTS = 6 };

/* What an instruction was told from outside: it is not executed, its result is put in place. */
struct input {
    uint32_t at, eax, ebx, ecx, edx, next;
};

struct region {
    uint32_t address, size_bytes;
    const uint8_t *before;
    uint8_t *now;
};

/* Selector; attributes as in the high half of a descriptor, 0: nothing is loaded. Base 0, limit 4 GiB. */
struct segment {
    uint32_t selector, attributes;
};

struct stretch {
    uint32_t warm_up_runs, runs;
    uint32_t general[GENERAL], eip, eflags, gdt_base, gdt_limit, end;
    struct segment segments[SEGMENTS];
    uint32_t watched_start, watched_end;
    uint32_t input_count, region_count;
    struct input *inputs;
    struct region *regions;
};

/* Exits with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* Zeros. */
void *allocate(size_t count, size_t size_bytes);

/* Of each region `before` is filled, `now` is not. */
struct stretch read_stretch(const char *path);

#endif
