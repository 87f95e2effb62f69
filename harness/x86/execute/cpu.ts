/** One CPU: its state, its memory, what it is told from outside. Instructions work on it; nothing here knows one. */
import { FLAG, MODEL_WORDS, readFlags, writeFlags } from '../state/flags.ts';
import {
  A20,
  ATTRIBUTES,
  BASE,
  CR0,
  CR3,
  CR4,
  CS,
  EFER,
  GENERAL,
  LIMIT,
  RFLAGS,
  RIP,
  SEGMENT_WORDS,
  SEGMENTS,
  segmentWord,
  SS,
  STATE_WORDS,
} from '../state/state-layout.ts';
import {
  isExpandDown,
  isLong,
  isReadable,
  isWide,
  isWritable,
  privilegeLevel,
} from '../state/segment-attributes.ts';
import { LinearMemory } from '../memory/linear-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import { GuestFault, VECTOR } from './guest-fault.ts';
import { type Habits, HARDWARE } from './habits.ts';
import { HiddenState } from './hidden-state.ts';
import { type Inputs, SILENT } from './inputs.ts';

export type Bitness = 16 | 32 | 64;

const PROTECTED = 1;
const LONG_MODE_ACTIVE = 1 << 10;
const RSP_WORD = GENERAL + 2 * 4;
/** The limits of these are checked at each access outside 64-bit mode. */
const DATA_SEGMENTS = 6;

/** What linear addresses are translated by. */
const TRANSLATION_WORDS = [CR0, CR3, CR3 + 1, CR4, EFER, A20];

export class Cpu {
  /** {@link STATE_WORDS} words of architectural state, then what flags are computed from. */
  readonly words = new Int32Array(MODEL_WORDS);
  readonly memory: LinearMemory;
  readonly hidden = new HiddenState();
  /** High word of a 64-bit value of which the low one was returned. */
  high = 0;
  /** Default operand and address size of the code segment. */
  bitness: Bitness = 16;
  /** Of the stack pointer: 2, 4 or 8. */
  stackBytes: 2 | 4 | 8 = 2;
  /** Counts changes of segments, and with them of the mode. */
  changes = 0;
  /** Iterations of the repeated string instruction that ran last. */
  iterations = 0;
  /** Those that the translations in hand know of. */
  #tableLoads = 0;
  readonly #readLimits = new Float64Array(DATA_SEGMENTS);
  readonly #writeLimits = new Float64Array(DATA_SEGMENTS);

  constructor(
    readonly physical: PhysicalMemory,
    public inputs: Inputs = SILENT,
    readonly habits: Habits = HARDWARE,
  ) {
    this.memory = new LinearMemory(this.words, physical);
  }

  /** @param state at least {@link STATE_WORDS} words */
  load(state: Int32Array): void {
    this.words.set(state.subarray(0, STATE_WORDS));
    writeFlags(this.words, state[RFLAGS]!);
    this.#tableLoads = this.physical.tableLoads;
    this.systemChanged();
  }

  /**
   * The same after something outside ran: translations are kept where nothing that they depend on is another. What was
   * loaded into memory meanwhile is there already.
   */
  resume(state: Int32Array): void {
    const { words, memory, physical } = this;
    const isSame =
      TRANSLATION_WORDS.every((word) => words[word] === state[word]) &&
      this.#tableLoads === physical.tableLoads;
    words.set(state.subarray(0, STATE_WORDS));
    writeFlags(words, state[RFLAGS]!);
    this.segmentsChanged();
    this.#tableLoads = physical.tableLoads;
    if (!isSame) memory.flush();
  }

  /** To be called after memory was loaded from outside: where page tables were in it, translations are made anew. */
  memoryLoaded(): void {
    if (this.#tableLoads === this.physical.tableLoads) return;
    this.#tableLoads = this.physical.tableLoads;
    this.memory.flush();
  }

  /** The architectural state, flags put together; outside 64-bit mode without what only shows in it. */
  state(): Int32Array {
    readFlags(this.words);
    const state = this.words.slice(0, STATE_WORDS);
    if (this.bitness === 64) return state;
    for (let word = GENERAL + 1; word < GENERAL + 16; word += 2) state[word] = 0;
    return state.fill(0, GENERAL + 16, GENERAL + 32);
  }

  /** To be called after any change of control registers, EFER or A20: all translations are made anew. */
  systemChanged(): void {
    this.segmentsChanged();
    this.memory.flush();
  }

  /** To be called after any change of segment registers. */
  segmentsChanged(): void {
    this.changes++;
    const { words, memory } = this;
    const code = words[segmentWord(CS) + ATTRIBUTES]!;
    this.bitness = isLong(code) && this.isLongMode ? 64 : isWide(code) ? 32 : 16;
    this.stackBytes = this.bitness === 64 ? 8 : isWide(words[segmentWord(SS) + ATTRIBUTES]!) ? 4 : 2;
    for (let index = 0; index < DATA_SEGMENTS; index++) this.#setLimits(index);
    const isUser = this.privilege === 3;
    if (memory.isUser === isUser) return;
    memory.isUser = isUser;
    memory.flush();
  }

  /** Linear address of the next instruction. */
  get linearInstruction(): bigint {
    const { words, bitness } = this;
    if (bitness !== 64) return BigInt((words[RIP]! + words[segmentWord(CS) + BASE]!) >>> 0);
    return (BigInt(words[RIP + 1]! >>> 0) << 32n) | BigInt(words[RIP]! >>> 0);
  }

  /** EFER.LMA; in compatibility mode, too. */
  get isLongMode(): boolean {
    return (this.words[EFER]! & LONG_MODE_ACTIVE) !== 0;
  }

  /** CR0.PE without virtual-8086 mode. */
  get isProtected(): boolean {
    return (this.words[CR0]! & PROTECTED) !== 0 && (this.words[RFLAGS]! & FLAG.vm) === 0;
  }

  /** CPL: SS keeps it, as CS's selector may be any in real mode and just behind it (SDM 3A §5.5). */
  get privilege(): number {
    if ((this.words[CR0]! & PROTECTED) === 0) return 0;
    return (this.words[RFLAGS]! & FLAG.vm) !== 0
      ? 3
      : privilegeLevel(this.words[segmentWord(SS) + ATTRIBUTES]!);
  }

  /**
   * Outside 64-bit mode: the linear address of an offset, checked (SDM 3A §5.3, §5.4.1).
   * @param lastByte size − 1
   * @throws GuestFault
   */
  readAddress(segment: number, offset: number, lastByte: number): number {
    if ((offset >>> 0) + lastByte > this.#readLimits[segment]!)
      this.#checkSlowly(segment, offset, lastByte, 'read');
    return (this.words[SEGMENTS + segment * SEGMENT_WORDS + BASE]! + offset) | 0;
  }

  /** @see readAddress */
  writeAddress(segment: number, offset: number, lastByte: number): number {
    if ((offset >>> 0) + lastByte > this.#writeLimits[segment]!)
      this.#checkSlowly(segment, offset, lastByte, 'write');
    return (this.words[SEGMENTS + segment * SEGMENT_WORDS + BASE]! + offset) | 0;
  }

  /**
   * Pushes 2, 4 or 8 bytes. The stack pointer changes only once memory was written.
   * @throws GuestFault
   */
  push(sizeBytes: number, low: number, high = 0): void {
    const { words, memory } = this;
    const pointer = (words[RSP_WORD]! - sizeBytes) | 0;
    if (this.stackBytes === 8) {
      const pointerHigh = (words[RSP_WORD + 1]! - (words[RSP_WORD]! >>> 0 < sizeBytes ? 1 : 0)) | 0;
      if (sizeBytes === 8) memory.write64(pointer, pointerHigh, low, high);
      else memory.write16(pointer, pointerHigh, low);
      words[RSP_WORD] = pointer;
      words[RSP_WORD + 1] = pointerHigh;
      return;
    }
    const offset = this.stackBytes === 4 ? pointer : pointer & 0xffff;
    const address = this.writeAddress(SS, offset, sizeBytes - 1);
    if (sizeBytes === 4) memory.write32(address, 0, low);
    else memory.write16(address, 0, low);
    this.setStackPointer(offset);
  }

  /** Reads `sizeBytes` at the top of the stack + `skipBytes`, and moves nothing. @returns the low word; see {@link high}. */
  peek(sizeBytes: number, skipBytes = 0): number {
    const { words, memory } = this;
    const pointer = (words[RSP_WORD]! + skipBytes) | 0;
    this.high = 0;
    if (this.stackBytes === 8) {
      const pointerHigh = (words[RSP_WORD + 1]! + (pointer >>> 0 < skipBytes ? 1 : 0)) | 0;
      if (sizeBytes === 2) return memory.read16(pointer, pointerHigh);
      if (sizeBytes === 4) return memory.read32(pointer, pointerHigh);
      const low = memory.read64(pointer, pointerHigh);
      this.high = memory.high;
      return low;
    }
    const address = this.readAddress(SS, this.stackBytes === 4 ? pointer : pointer & 0xffff, sizeBytes - 1);
    return sizeBytes === 4 ? memory.read32(address, 0) : memory.read16(address, 0);
  }

  /** Moves the stack pointer up. */
  drop(sizeBytes: number): void {
    const { words } = this;
    const pointer = (words[RSP_WORD]! + sizeBytes) | 0;
    if (this.stackBytes === 8) {
      if (pointer >>> 0 < sizeBytes) words[RSP_WORD + 1] = (words[RSP_WORD + 1]! + 1) | 0;
      words[RSP_WORD] = pointer;
    } else this.setStackPointer(pointer);
  }

  /** Outside 64-bit mode: SP or ESP, as the stack segment says. */
  setStackPointer(offset: number): void {
    const { words } = this;
    if (this.stackBytes === 4) {
      words[RSP_WORD] = offset;
      words[RSP_WORD + 1] = 0;
    } else words[RSP_WORD] = (words[RSP_WORD]! & ~0xffff) | (offset & 0xffff);
  }

  #setLimits(index: number): void {
    const attributes = this.words[segmentWord(index) + ATTRIBUTES]!;
    const limit = this.words[segmentWord(index) + LIMIT]! >>> 0;
    // Real mode knows no rights (SDM 3B §20.1.1); a null selector's attributes are 0, so that nothing is allowed.
    const isReal = (this.words[CR0]! & PROTECTED) === 0;
    if (!this.habits.checksLimits) {
      this.#readLimits[index] = this.#writeLimits[index] = Infinity;
      return;
    }
    const isSlow = isExpandDown(attributes) && !isReal;
    this.#readLimits[index] = !isSlow && (isReal || isReadable(attributes)) ? limit : -1;
    this.#writeLimits[index] = !isSlow && (isReal || isWritable(attributes)) ? limit : -1;
  }

  #checkSlowly(segment: number, offset: number, lastByte: number, access: 'read' | 'write'): void {
    const attributes = this.words[segmentWord(segment) + ATTRIBUTES]!;
    const limit = this.words[segmentWord(segment) + LIMIT]! >>> 0;
    const isAllowed = access === 'read' ? isReadable(attributes) : isWritable(attributes);
    const first = offset >>> 0;
    const top = isWide(attributes) ? 0xffff_ffff : 0xffff;
    // An offset beyond 4 GiB wraps around: a flat segment allows what its two parts are allowed.
    const isInside = isExpandDown(attributes)
      ? first > limit && first + lastByte <= top
      : limit === 0xffff_ffff;
    if (isAllowed && isInside) return;
    throw new GuestFault(segment === SS ? VECTOR.stack : VECTOR.generalProtection, 0);
  }
}
