/** Magic numbers of both Multiboot protocols. */

/** In EAX at entry from a Multiboot2 loader (Multiboot2 Specification 2.0 §3.3, "I386 machine state"). */
export const MULTIBOOT2_ENTRY_MAGIC = 0x36d7_6289;
/** In EAX at entry from a Multiboot loader (Multiboot Specification 0.6.96 §3.2). */
export const MULTIBOOT1_ENTRY_MAGIC = 0x2bad_b002;

/** Begins the header in an image (Multiboot2 Specification 2.0 §3.1.2). */
export const MULTIBOOT2_HEADER_MAGIC = 0xe852_50d6;
/** Begins the header in an image (Multiboot Specification 0.6.96 §3.1.2). */
export const MULTIBOOT1_HEADER_MAGIC = 0x1bad_b002;
