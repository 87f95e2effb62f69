/**
 * What our grub-configs/ and GRUB itself say on the console. The protocol is documented in grub-configs/grub.cfg.
 */
import type { Firmware } from './firmware-kind.ts';
import { inOrder, printedMemoryMap, type MemoryRegion } from './memory-map.ts';

/** Lines of our own configuration, by the name that a wait uses. */
export const LOADER_LINES = {
  started: /^loadbase: loader started$/,
  ready: /^loadbase: ready$/,
  noPayload: /^loadbase: no payload$/,
  surveyEnd: /^loadbase: survey end$/,
  refused: /^loadbase: refused$/,
  loaded: /^loadbase: loaded$/,
  bootFailed: /^loadbase: boot failed$/,
} as const;

/** GRUB gave up and waits for somebody to type. */
export const LOADER_PROMPT = /^grub(?: rescue)?> ?$/;

export interface LoaderReport {
  /** The choice that GRUB read back from the payload drive. */
  readonly choice: string | undefined;
  /** The firmware's memory map before anything was loaded; undefined where none could be read. */
  readonly memoryMap: readonly MemoryRegion[] | undefined;
  /** The same as printed: with entries that are empty or out of order, which the firmware is to be blamed for. */
  readonly printedMap?: readonly MemoryRegion[] | undefined;
  /** Load base address that GRUB says it chose. */
  readonly loadBase: number | undefined;
  /** Whether GRUB took the image to be relocatable. */
  readonly relocatable: boolean | undefined;
  /** GRUB's `error: …` texts while it loaded, without that prefix. */
  readonly errors: readonly string[];
}

/**
 * GRUB tells its choice in two ways: of ELF images (multiboot.c), of those that an address header tag lays out
 * (multiboot_mbi2.c).
 */
const CHOSEN_BASE = new RegExp(
  String.raw`relocatable=(?<elf>\d+),\s+link_base_addr=0x[0-9a-f]+,\s+load_base_addr=0x(?<elfBase>[0-9a-f]+)|` +
    String.raw`load_base_addr=0x(?<flatBase>[0-9a-f]+),\s+load_size=0x[0-9a-f]+,\s+relocatable=(?<flat>\d+)`,
);

/** @param text cleaned console text of the loader's phase, lines joined with \n; GRUB wraps at 80 columns. */
export function readLoaderReport(text: string, firmware: Firmware): LoaderReport {
  const map = /^loadbase: memory map$([\s\S]*?)^loadbase: memory map end$/m.exec(text)?.[1];
  const printedMap = map === undefined ? undefined : tryMap(map.split('\n'), firmware);
  const loading = text.slice(Math.max(0, text.indexOf('loadbase: loading')));
  const chosen = CHOSEN_BASE.exec(loading)?.groups;
  return {
    choice: /^loadbase: choice (.*)$/m.exec(text)?.[1],
    memoryMap: printedMap && inOrder(printedMap),
    printedMap,
    loadBase: chosen && Number.parseInt(chosen['elfBase'] ?? chosen['flatBase'] ?? '', 16),
    relocatable: chosen && (chosen['elf'] ?? chosen['flat']) !== '0',
    errors: [...loading.matchAll(/^error: (.*)$/gm)].map((match) => (match[1] ?? '').replace(/\.$/, '')),
  };
}

function tryMap(lines: string[], firmware: Firmware): readonly MemoryRegion[] | undefined {
  try {
    return printedMemoryMap(
      lines.filter((line) => line !== ''),
      firmware,
    );
  } catch {
    return undefined;
  }
}
