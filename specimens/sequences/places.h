/* Offsets in the two blocks of places: one in the image, at FS's base, and one in low memory, at LOW_PLACES in its segment. */
/* Where the exception handler goes on: 8 bytes in the image, 2 in low memory. */
#define RESUME 0
/* The stack pointer of a sequence. */
#define STACK 8
/* What the base register of memory operands holds. */
#define SCRATCH 16
/* Where the region that runs begins. */
#define REGION 24
/* Where the last sequence jumps to. */
#define EXIT 32
#define PLACES_BYTES 40

#define REGION_BYTES 0x10000
#define SCRATCH_BYTES 0x10000
/* The base register points into the middle. */
#define SCRATCH_MIDDLE 0x8000
#define STACK_BYTES 0x2000
/* A sequence may drop some of what is above. */
#define STACK_ROOM 0x800
/* What GS's base adds to an address. */
#define GS_BASE 0x40

/* Conventional memory, which nobody uses once the loader has handed over. */
#define LOW_SEGMENT 0x1000
#define LOW_SCRATCH_SEGMENT 0x2000
#define LOW_STACK_SEGMENT 0x4000
#define LOW_IVT 0x50000
/* In LOW_SEGMENT: generated code, then places, then what switches modes. */
#define LOW_PLACES 0xe000
#define LOW_STACK_TOP 0x8000
