/** The probe's variants: one source, built with flags that specimens/probe/probe.S documents. */
import type { Specimen } from './specimen.ts';

/** What a variant's word in the record says: which flags it was built with (specimens/probe/variant.h). */
export const PROBE_VARIANT_BITS = {
  segments: 0x0001,
  highVaddr: 0x0002,
  largeBss: 0x0004,
  noBootServices: 0x0008,
  fixed: 0x0010,
  /** Built not to tell the truth. */
  misbehaving: 0x8000,
} as const;

export const PROBE = {
  folder: 'specimens/probe',
  source: 'probe.S',
  linkerScript: 'probe.ld.S',
  /** Although one entry is 64-bit code: GRUB takes it on every platform. */
  bits: 32,
  variants: {
    /** One segment; relocatable, boot services kept, both entries. */
    probe: [],
    /** Four segments, the last of which stands on the byte after the BSS. */
    'probe-segments': ['SEGMENTS'],
    /** vaddr = paddr + 0x40000000; e_entry is virtual. */
    'probe-high-vaddr': ['HIGH_VADDR'],
    'probe-segments-high-vaddr': ['SEGMENTS', 'HIGH_VADDR'],
    /** 16 MiB. */
    'probe-large-bss': ['LARGE_BSS'],
    /** Neither header tag 7 nor 9: entered in 32-bit mode on UEFI, too. */
    'probe-no-boot-services': ['NO_BOOT_SERVICES'],
    /** No relocatable header tag; linked at 4 MiB. */
    'probe-fixed': ['FIXED'],
    /** Noise, then silence. */
    'probe-garbage': ['GARBAGE'],
    /** Stops in the middle of a line. */
    'probe-half': ['HALF'],
    'probe-wrong-checksum': ['WRONG_CHECKSUM'],
    /** The same line for ever. */
    'probe-endless': ['ENDLESS'],
    /** Two whole records. */
    'probe-twice': ['TWICE'],
    /** Halts without a word. */
    'probe-silent': ['SILENT'],
  },
} as const satisfies Specimen;

export type ProbeVariant = keyof typeof PROBE.variants;
export const PROBE_VARIANTS = Object.keys(PROBE.variants) as readonly ProbeVariant[];
