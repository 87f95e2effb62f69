/** The last instructions, kept without making objects: millions a second pass by. */
import { BASE, CS, GENERAL, RIP, segmentWord } from '../x86/state/state-layout.ts';
import { linearOf } from '../x86/execute/code-cache.ts';
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { HISTORY, type Place } from './divergence.ts';

const SLOTS = HISTORY + 1;
const RCX = GENERAL + 2;
const CODE_BASE = segmentWord(CS) + BASE;
/** Of an instruction (SDM 2A §2.3.11). */
const LONGEST = 15;

export class History {
  readonly #low = new Int32Array(SLOTS);
  readonly #high = new Int32Array(SLOTS);
  readonly #bitness = new Uint8Array(SLOTS);
  /** The general registers before the last one noted: of them RCX, where a shift's count may stand. */
  readonly before = new Int32Array(GENERAL + 4);
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The instruction that is about to be executed. */
  note({ words, bitness }: Cpu): void {
    const slot = this.#count++ % SLOTS;
    this.#low[slot] = bitness === 64 ? words[RIP]! : words[RIP]! + words[CODE_BASE]!;
    this.#high[slot] = bitness === 64 ? words[RIP + 1]! : 0;
    this.#bitness[slot] = bitness;
    this.before[RCX] = words[RCX]!;
  }

  /** The last one noted. @param step its number */
  last(cpu: Cpu, step: number): Place {
    return this.#place(cpu, step, this.#count - 1);
  }

  /** Those before the last one. */
  earlier(cpu: Cpu, step: number): Place[] {
    const places: Place[] = [];
    for (let back = Math.min(HISTORY, this.#count - 1); back > 0; back--)
      places.push(this.#place(cpu, step - back, this.#count - 1 - back));
    return places;
  }

  #place(cpu: Cpu, step: number, index: number): Place {
    const slot = index % SLOTS;
    const [low, high] = [this.#low[slot]!, this.#high[slot]!];
    const bitness = this.#bitness[slot] as Bitness;
    return { step, linear: linearOf(low, high), bitness, bytes: codeBytes(cpu, low, high) };
  }
}

/** As translation is now; none where it has changed since so that nothing is there any more. */
function codeBytes(cpu: Cpu, low: number, high: number): Uint8Array {
  try {
    const { bytes } = cpu.memory.pageFor(low, high, 'execute');
    return bytes.slice(low & 0xfff, (low & 0xfff) + LONGEST);
  } catch (fault) {
    if (fault instanceof GuestFault) return new Uint8Array();
    throw fault;
  }
}
