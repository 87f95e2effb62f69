/** Xen's trampoline in low memory when it comes to `__start_xen`. Source: Xen 4.17's head.S, trampoline.S, video.S, edd.S, mem.S. */
import { hex } from '../bits/hex.ts';
import { equal, holds, type Observation } from '../guest/guest-view.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import { relocationPlaces } from '../xen/trampoline-check.ts';
import { copyOf, word32At, type EndState } from './end-state.ts';

/** What the real-mode half writes to in the copy that runs: answers of the firmware. */
const ANSWERS: ReadonlySet<string> = new Set([
  ...['bios_e820map', 'bios_e820nr', 'kbd_shift_flags'],
  ...['boot_edd_info', 'boot_edd_info_nr', 'boot_mbr_signature', 'boot_mbr_signature_nr'],
  ...['boot_vid_mode', 'boot_vid_info', 'boot_edid_info', 'boot_edid_caps', 'force_size'],
  ...['mt_end', 'edit_buf', 'card_name', 'graphic_mode', 'dac_size'],
]);

/** Conventional memory ends here (the VGA window begins). */
const LOW_END = 0xa_0000;
/** Trampoline and stack share 64 KiB. Source: TRAMPOLINE_SPACE + TRAMPOLINE_STACK_SPACE. */
const SPACE = 0x10000;

/** A place that the trampoline's own relocation changes, from its start, and its value in the file. */
interface Relocation {
  readonly offset: number;
  readonly built: number;
}

/** Facts of an image, made once for all its bases. */
export class XenEndTrampoline {
  readonly #symbols: ImageSymbols;
  readonly #linkBase: number;
  readonly #sizeBytes: number;
  readonly #relocations: readonly Relocation[];
  readonly #segments: readonly number[];
  /** For each byte: whether it is an answer's. */
  readonly #isAnswer: readonly boolean[];
  readonly #copy: Uint8Array;
  readonly #original: Uint8Array;

  constructor(symbols: ImageSymbols, linkBase: number) {
    this.#symbols = symbols;
    this.#linkBase = linkBase;
    const start = symbols.linear('trampoline_start');
    // `rep movsl` copies whole dwords.
    this.#sizeBytes = Number(symbols.linear('trampoline_end') - start) & ~3;
    this.#relocations = relocationPlaces(symbols, '__trampoline_rel_start', '__trampoline_rel_stop').map(
      (place) => ({ offset: Number(place - start), built: word32(symbols.bytes(place, 4)) }),
    );
    this.#segments = relocationPlaces(symbols, '__trampoline_seg_start', '__trampoline_seg_stop').map(
      (place) => Number(place - start),
    );
    this.#isAnswer = Array.from({ length: this.#sizeBytes }, (_, offset) =>
      ANSWERS.has(symbols.nearest(start + BigInt(offset))?.name ?? ''),
    );
    this.#copy = new Uint8Array(this.#sizeBytes);
    this.#original = new Uint8Array(this.#sizeBytes);
  }

  observe({ memory, loadBase }: EndState): Observation[] {
    const at = (symbol: string) => this.#symbols.linkTime(symbol) - this.#linkBase + loadBase;
    const target = word32At(memory, at('trampoline_phys'));
    const place = holds(
      target % 4096 === 0 && target > 0 && target + SPACE <= LOW_END,
      `the trampoline is at ${hex(target)}, page aligned, below 640 KiB`,
      `the trampoline is at ${hex(target)}: it and its stack do not lie page aligned below 640 KiB`,
    );
    if (!place.ok) return [place];
    copyOf(memory, target, this.#copy);
    copyOf(memory, at('trampoline_start'), this.#original);
    const told = target + this.#symbols.linkTime('trampoline_xen_phys_start') - this.#start();
    return [
      place,
      this.#isTrueCopy(target),
      this.#isRelocated(target),
      equal('the trampoline’s xen_phys_start', word32At(memory, told), loadBase - this.#linkBase),
    ];
  }

  #start(): number {
    return this.#symbols.linkTime('trampoline_start');
  }

  #isTrueCopy(target: number): Observation {
    const wrong = firstOther(this.#copy, this.#original, this.#isAnswer);
    return holds(
      wrong === undefined,
      `its ${this.#sizeBytes} bytes are a true copy of the image's but for what the firmware answered`,
      wrong === undefined
        ? ''
        : `at ${hex(target + wrong)} stands ${hex(this.#copy[wrong]!, 2)}, not the image's ${hex(this.#original[wrong]!, 2)}`,
    );
  }

  #isRelocated(target: number): Observation {
    const view = new DataView(this.#copy.buffer);
    const wrong = this.#relocations
      .map(({ offset, built }) => ({
        offset,
        seen: view.getUint32(offset, true),
        wanted: (built + target) >>> 0,
      }))
      .concat(
        this.#segments.map((offset) => ({
          offset,
          seen: view.getUint16(offset, true),
          wanted: target >>> 4,
        })),
      )
      .filter(({ seen, wanted }) => seen !== wanted)
      .map(({ offset, seen, wanted }) => `offset ${hex(offset, 3)} is ${hex(seen)}, not ${hex(wanted)}`);
    return holds(
      wrong.length === 0 && this.#relocations.length > 0,
      `its ${this.#relocations.length} + ${this.#segments.length} relocations are applied`,
      wrong.slice(0, 3).join('; ') || 'the symbol file lists no trampoline relocation',
    );
  }
}

function firstOther(seen: Uint8Array, wanted: Uint8Array, isFree: readonly boolean[]): number | undefined {
  if (Buffer.compare(seen, wanted) === 0) return undefined;
  for (let offset = 0; offset < seen.length; offset++)
    if (seen[offset] !== wanted[offset] && !isFree[offset]) return offset;
  return undefined;
}

function word32(bytes: Uint8Array | undefined): number {
  return bytes ? Buffer.from(bytes).readUInt32LE(0) : 0;
}
