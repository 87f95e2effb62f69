/* Reads a stretch of code from the file that stretch-file.ts made. */
#include "stretch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAGIC = 0x3153424c };

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("early-boot: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate(size_t count, size_t size_bytes)
{
    void *memory = calloc(count ? count : 1, size_bytes);
    if (!memory)
        fail("out of memory");
    return memory;
}

static void take(FILE *file, void *into, size_t size_bytes)
{
    if (fread(into, 1, size_bytes, file) != size_bytes)
        fail("the file is cut short");
}

static uint32_t take_word(FILE *file)
{
    uint32_t word;
    take(file, &word, sizeof word);
    return word;
}

static void take_region(FILE *file, struct region *region)
{
    region->address = take_word(file);
    region->size_bytes = take_word(file);
    if (region->address % PAGE_BYTES || region->size_bytes % PAGE_BYTES || region->size_bytes == 0)
        fail("memory at 0x%" PRIx32 " is not whole pages", region->address);
    uint8_t *before = allocate(region->size_bytes, 1);
    take(file, before, region->size_bytes);
    region->before = before;
}

struct stretch read_stretch(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail("cannot open %s", path);
    if (take_word(file) != MAGIC)
        fail("%s is no stretch of code", path);
    struct stretch stretch = {.warm_up_runs = take_word(file)};
    stretch.runs = take_word(file);
    if (stretch.runs == 0)
        fail("no runs are asked for");
    take(file, stretch.general, sizeof stretch.general);
    stretch.eip = take_word(file);
    stretch.eflags = take_word(file);
    stretch.gdt_base = take_word(file);
    stretch.gdt_limit = take_word(file);
    take(file, stretch.segments, sizeof stretch.segments);
    stretch.end = take_word(file);
    stretch.watched_start = take_word(file);
    stretch.watched_end = take_word(file);
    stretch.input_count = take_word(file);
    stretch.region_count = take_word(file);
    stretch.inputs = allocate(stretch.input_count, sizeof *stretch.inputs);
    take(file, stretch.inputs, stretch.input_count * sizeof *stretch.inputs);
    stretch.regions = allocate(stretch.region_count, sizeof *stretch.regions);
    for (uint32_t i = 0; i < stretch.region_count; i++)
        take_region(file, &stretch.regions[i]);
    fclose(file);
    return stretch;
}
