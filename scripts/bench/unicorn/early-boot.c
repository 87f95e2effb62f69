/*
 * A stretch of early boot in Unicorn, with hooks on instructions and memory accesses and without: how fast another model
 * is at what a relocation sanitizer at least does. `early-boot FILE`; what FILE holds is said in stretch-file.ts.
 * Standard output: one line of JSON. Exit: 0 done, 1 with the cause on standard error.
 */
#include "stretch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unicorn/unicorn.h>

enum { BLOCK_GAP_BYTES = 256 << 20, SCRATCH_GDT = 0xfffe0000u, SCRATCH_GDT_BYTES = 65536 };

struct counts {
    uint32_t watched_start, watched_end;
    uint64_t instructions, accesses, watched;
};

struct end_state {
    uint32_t general[GENERAL], eip, crc32;
};

struct measured {
    double seconds;
    struct counts counts;
    struct end_state end;
};

/* The order of their encoding. */
static const int GENERAL_IDS[GENERAL] = {
    UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
    UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
};

static const int SEGMENT_IDS[SEGMENTS] = {
    UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS,
};

static void must(uc_err error, const char *what)
{
    if (error != UC_ERR_OK)
        fail("%s: %s", what, uc_strerror(error));
}

static int touches(const struct counts *counts, uint64_t address, uint32_t size_bytes)
{
    return address < counts->watched_end && address + size_bytes > counts->watched_start;
}

static void on_code(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *data)
{
    struct counts *counts = data;
    (void)uc;
    counts->instructions++;
    if (touches(counts, address, size_bytes))
        counts->watched++;
}

static void on_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size_bytes, int64_t value, void *data)
{
    struct counts *counts = data;
    (void)uc, (void)type, (void)value;
    counts->accesses++;
    if (touches(counts, address, (uint32_t)size_bytes))
        counts->watched++;
}

static void write_register(uc_engine *uc, int id, uint32_t value)
{
    must(uc_reg_write(uc, id, &value), "a register");
}

static uint32_t read_register(uc_engine *uc, int id)
{
    uint32_t value = 0;
    must(uc_reg_read(uc, id, &value), "a register");
    return value;
}

/* Regions near each other as one block, as Unicorn searches its blocks at each store. The order is that of addresses. */
static void map_memory(uc_engine *uc, const struct stretch *stretch)
{
    for (uint32_t first = 0, next; first < stretch->region_count; first = next) {
        uint32_t start = stretch->regions[first].address, end = start;
        for (next = first; next < stretch->region_count; next++) {
            const struct region *region = &stretch->regions[next];
            if (region->address < end || region->size_bytes > SCRATCH_GDT - region->address)
                fail("memory at 0x%" PRIx32 " is out of order, or too high", region->address);
            if (region->address - end > BLOCK_GAP_BYTES)
                break;
            end = region->address + region->size_bytes;
        }
        if (next == first)
            fail("memory is out of order");
        uint8_t *block =
            mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (block == MAP_FAILED)
            fail("out of memory");
        must(uc_mem_map_ptr(uc, start, end - start, UC_PROT_ALL, block), "uc_mem_map_ptr");
        for (uint32_t i = first; i < next; i++)
            stretch->regions[i].now = block + (stretch->regions[i].address - start);
    }
}

/*
 * Through descriptors in a table of ours that is gone afterwards: the loader's own need not be known. Without this SS is
 * one of 16 bits to far returns, although Unicorn opens 32-bit mode.
 */
static void load_segments(uc_engine *uc, const struct stretch *stretch)
{
    must(uc_mem_map(uc, SCRATCH_GDT, SCRATCH_GDT_BYTES, UC_PROT_ALL), "uc_mem_map");
    uc_x86_mmr gdtr = {.base = SCRATCH_GDT, .limit = SCRATCH_GDT_BYTES - 1};
    must(uc_reg_write(uc, UC_X86_REG_GDTR, &gdtr), "GDTR");
    for (int i = 0; i < SEGMENTS; i++) {
        const struct segment *segment = &stretch->segments[i];
        if (segment->attributes == 0)
            continue;
        uint64_t descriptor = (uint64_t)segment->attributes << 32 | 0xffff;
        uint64_t at = SCRATCH_GDT + (segment->selector & 0xfff8);
        must(uc_mem_write(uc, at, &descriptor, sizeof descriptor), "a descriptor");
        write_register(uc, SEGMENT_IDS[i], segment->selector);
    }
    must(uc_mem_unmap(uc, SCRATCH_GDT, SCRATCH_GDT_BYTES), "uc_mem_unmap");
    gdtr = (uc_x86_mmr){.base = stretch->gdt_base, .limit = stretch->gdt_limit};
    must(uc_reg_write(uc, UC_X86_REG_GDTR, &gdtr), "GDTR");
}

/* 32-bit mode as Unicorn opens it: protected, no paging. */
static uc_engine *open_machine(const struct stretch *stretch)
{
    uc_engine *uc;
    must(uc_open(UC_ARCH_X86, UC_MODE_32, &uc), "uc_open");
    map_memory(uc, stretch);
    load_segments(uc, stretch);
    for (int i = 0; i < GENERAL; i++)
        write_register(uc, GENERAL_IDS[i], stretch->general[i]);
    write_register(uc, UC_X86_REG_EFLAGS, stretch->eflags);
    return uc;
}

/*
 * As it was before the run. Behind Unicorn's back, so that what it has translated stays translated: that favours it, and
 * where code is another one afterwards, the end state shows it.
 */
static void rewind_memory(const struct stretch *stretch)
{
    for (uint32_t i = 0; i < stretch->region_count; i++) {
        const struct region *region = &stretch->regions[i];
        for (uint32_t at = 0; at < region->size_bytes; at += PAGE_BYTES)
            if (memcmp(region->now + at, region->before + at, PAGE_BYTES) != 0)
                memcpy(region->now + at, region->before + at, PAGE_BYTES);
    }
}

static void run_to(uc_engine *uc, uint32_t from, uint32_t to)
{
    /* One input right behind another. */
    if (from == to)
        return;
    must(uc_emu_start(uc, from, to, 0, 0), "uc_emu_start");
    uint32_t eip = read_register(uc, UC_X86_REG_EIP);
    if (eip != to)
        fail("it stopped at 0x%" PRIx32 ", not at 0x%" PRIx32, eip, to);
}

static void run_once(uc_engine *uc, const struct stretch *stretch)
{
    uint32_t from = stretch->eip;
    for (uint32_t i = 0; i < stretch->input_count; i++) {
        const struct input *input = &stretch->inputs[i];
        run_to(uc, from, input->at);
        write_register(uc, UC_X86_REG_EAX, input->eax);
        write_register(uc, UC_X86_REG_EBX, input->ebx);
        write_register(uc, UC_X86_REG_ECX, input->ecx);
        write_register(uc, UC_X86_REG_EDX, input->edx);
        from = input->next;
    }
    run_to(uc, from, stretch->end);
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare_seconds(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

/* ISO 3309, as zlib's. */
static uint32_t crc32_of(uint32_t crc, const uint8_t *bytes, uint32_t size_bytes)
{
    crc = ~crc;
    for (uint32_t at = 0; at < size_bytes; at++) {
        crc ^= bytes[at];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static struct end_state end_state_of(uc_engine *uc, const struct stretch *stretch)
{
    struct end_state end = {.eip = read_register(uc, UC_X86_REG_EIP)};
    for (int i = 0; i < GENERAL; i++)
        end.general[i] = read_register(uc, GENERAL_IDS[i]);
    for (uint32_t i = 0; i < stretch->region_count; i++)
        end.crc32 = crc32_of(end.crc32, stretch->regions[i].now, stretch->regions[i].size_bytes);
    return end;
}

static struct measured measure(const struct stretch *stretch, int is_hooked)
{
    struct measured measured = {.seconds = 0};
    struct counts counts = {.watched_start = stretch->watched_start, .watched_end = stretch->watched_end};
    uc_engine *uc = open_machine(stretch);
    uc_hook code, accesses;
    if (is_hooked) {
        must(uc_hook_add(uc, &code, UC_HOOK_CODE, (void *)on_code, &counts, 1, 0), "uc_hook_add");
        must(uc_hook_add(uc, &accesses, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_access, &counts, 1, 0),
             "uc_hook_add");
    }
    uc_context *start;
    must(uc_context_alloc(uc, &start), "uc_context_alloc");
    must(uc_context_save(uc, start), "uc_context_save");
    double *seconds = allocate(stretch->runs, sizeof *seconds);
    for (uint32_t run = 0; run < stretch->warm_up_runs + stretch->runs; run++) {
        rewind_memory(stretch);
        must(uc_context_restore(uc, start), "uc_context_restore");
        counts.instructions = counts.accesses = counts.watched = 0;
        double began = now_seconds();
        run_once(uc, stretch);
        double took = now_seconds() - began;
        if (run >= stretch->warm_up_runs)
            seconds[run - stretch->warm_up_runs] = took;
    }
    qsort(seconds, stretch->runs, sizeof *seconds, compare_seconds);
    measured.seconds = (seconds[(stretch->runs - 1) / 2] + seconds[stretch->runs / 2]) / 2;
    measured.counts = counts;
    measured.end = end_state_of(uc, stretch);
    free(seconds);
    uc_context_free(start);
    uc_close(uc);
    return measured;
}

static void print_measured(const char *name, const struct measured *measured)
{
    printf("\"%s\":{\"seconds\":%.9f,\"instructions\":%" PRIu64 ",\"accesses\":%" PRIu64 ",\"watched\":%" PRIu64
           ",\"end\":{\"general\":[",
           name, measured->seconds, measured->counts.instructions, measured->counts.accesses,
           measured->counts.watched);
    for (int i = 0; i < GENERAL; i++)
        printf("%s%" PRIu32, i ? "," : "", measured->end.general[i]);
    printf("],\"eip\":%" PRIu32 ",\"crc32\":%" PRIu32 "}}", measured->end.eip, measured->end.crc32);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        fail("usage: early-boot FILE");
    struct stretch stretch = read_stretch(argv[1]);
    struct measured hooked = measure(&stretch, 1);
    struct measured bare = measure(&stretch, 0);
    unsigned major, minor;
    uc_version(&major, &minor);
    printf("{\"version\":\"%u.%u\",", major, minor);
    print_measured("hooked", &hooked);
    putchar(',');
    print_measured("bare", &bare);
    puts("}");
    return 0;
}
