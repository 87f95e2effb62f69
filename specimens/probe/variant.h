/* What the build's flags mean in numbers, for the assembler and the linker script alike. */
#ifdef FIXED
#define LINK_BASE 0x400000
#else
#define LINK_BASE 0x200000
#endif

#ifdef HIGH_VADDR
#define VADDR_SHIFT 0x40000000
#else
#define VADDR_SHIFT 0
#endif

#if defined(LARGE_BSS)
#define BSS_SIZE 0x1000000
#elif defined(SEGMENTS)
/* No multiple of anything: what follows stands on the very next byte. */
#define BSS_SIZE 0xfe35
#else
#define BSS_SIZE 0x10000
#endif

/* The variant word of the record: one bit a flag. */
#ifdef SEGMENTS
#define BIT_0 0x0001
#else
#define BIT_0 0
#endif
#ifdef HIGH_VADDR
#define BIT_1 0x0002
#else
#define BIT_1 0
#endif
#ifdef LARGE_BSS
#define BIT_2 0x0004
#else
#define BIT_2 0
#endif
#ifdef NO_BOOT_SERVICES
#define BIT_3 0x0008
#else
#define BIT_3 0
#endif
#ifdef FIXED
#define BIT_4 0x0010
#else
#define BIT_4 0
#endif
#if defined(GARBAGE) || defined(HALF) || defined(WRONG_CHECKSUM) || defined(ENDLESS) || defined(TWICE) || \
    defined(SILENT)
#define BIT_15 0x8000
#else
#define BIT_15 0
#endif
#define VARIANT (BIT_0 | BIT_1 | BIT_2 | BIT_3 | BIT_4 | BIT_15)
