/**
 * The rules while a CPU runs. Pages that a rule is about are watched, so that the model stops before an instruction touches
 * one; what a rule says of values is asked by {@link watchedOperation}. A finding is noted and the instruction executed all
 * the same: what comes of it tells whether anybody would have noticed.
 */
import { linearOf } from '../x86/execute/code-cache.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { ModelStop, type Watched } from '../x86/execute/stop.ts';
import { PAGE_BYTES, WATCH } from '../x86/memory/physical-memory.ts';
import type { WatchedAccess } from '../x86/execute/stop.ts';
import type { Watcher } from '../x86/memory/watcher.ts';
import { CR3, GENERAL } from '../x86/state/state-layout.ts';
import { callSite } from './call-site.ts';
import type { Deed, Finding } from './finding.ts';
import { bytesAt, instructionAt } from './instruction-at.ts';
import type { RuleName } from './rules.ts';
import { contains, isLinkTime, type MemoryRange, type Territory } from './territory.ts';

/** So many in one run are enough; then the run goes on unwatched. */
const MOST_FINDINGS = 64;
const MOST_STOPS = 1024;
const RSP = GENERAL + 2 * 4;
const ALL = WATCH.read | WATCH.write | WATCH.execute;

interface Noted extends Omit<Finding, 'times'> {
  times: number;
}

export class Sanitizer implements Watcher {
  readonly territory: Territory;
  /** Where pointers to the link-time range begin, and how many bytes it has; 0: there is none to speak of. */
  readonly linkStart: number;
  readonly linkBytes: number;
  readonly #cpu: Cpu;
  readonly #isData: (linear: bigint, value: number) => boolean;
  readonly #noted = new Map<string, Noted>();
  #stops = 0;
  /** CR3 as it was when page tables were looked at last. */
  #tables = 0;
  #tablesHigh = 0;
  #isArmed = true;
  #excusesPointers = false;
  /** By name: bases that were told of, so that each is told when it is loaded, not as long as it is there. */
  readonly #loadedBases = new Map<string, number>();

  /**
   * Watches the CPU's memory from now on. Pages that are there already are those of the image and what it was given.
   * @param isData whether a value in the link-time range that an instruction stores is known to be no address
   */
  constructor(
    cpu: Cpu,
    territory: Territory,
    isData: (linear: bigint, value: number) => boolean = () => false,
  ) {
    this.#cpu = cpu;
    this.territory = territory;
    this.#isData = isData;
    const { linkTime, loaded } = territory;
    const isElsewhere = linkTime.start !== loaded.start;
    this.linkStart = linkTime.start | 0;
    this.linkBytes = isElsewhere ? linkTime.end - linkTime.start : 0;
    cpu.memory.watcher = this;
    this.#watchPages();
    cpu.memory.flush();
  }

  /** Watches no more. */
  leave(): void {
    const { physical, memory } = this.#cpu;
    physical.watchOf = () => 0;
    for (const page of physical.pages()) page.watch = 0;
    memory.watcher = undefined;
    memory.flush();
  }

  /** What was noted so far, in the order it was first met. */
  get findings(): readonly Finding[] {
    return [...this.#noted.values()];
  }

  accessed(access: WatchedAccess, physical: number, sizeBytes: number, low: number, high: number): void {
    if (!this.#isArmed) return;
    const { territory } = this;
    if (!isLinkTime(territory, physical, sizeBytes)) {
      if (access === 'read' || access === 'walk') return;
      if (contains(territory.loaded, physical, sizeBytes)) return;
      const owned = territory.owned(physical);
      if (owned && contains(owned, physical, sizeBytes)) return this.#unwatch(owned, physical);
    }
    throw new ModelStop({ kind: 'watched', what: access, physical, sizeBytes, linear: linearOf(low, high) });
  }

  translated(low: number, high: number, access: Exclude<WatchedAccess, 'walk'>): void {
    const { highHalf, loaded } = this.territory;
    if (high === 0 || !this.#isArmed || !highHalf) return;
    const linear = linearOf(low, high);
    if (linear < highHalf.start || linear >= highHalf.end) return;
    const { words } = this.#cpu;
    const tables = (words[CR3 + 1]! >>> 0) * 0x1_0000_0000 + ((words[CR3]! & -PAGE_BYTES) >>> 0);
    if (contains(loaded, tables, PAGE_BYTES)) return;
    throw new ModelStop({ kind: 'watched', what: 'translate', access, physical: 0, sizeBytes: 1, linear });
  }

  /** To be told of a store of a value in the link-time range, before it. */
  pointer(value: number, sizeBytes: number): void {
    const physical = value >>> 0;
    if (!this.#isArmed || this.#excusesPointers || !isLinkTime(this.territory, physical, 1)) return;
    if (this.#isDistance(physical)) return;
    throw new ModelStop({ kind: 'watched', what: 'pointer', physical, sizeBytes, linear: 0n });
  }

  /** To be told of a comparison of such a value with an address of the loaded image, before it. */
  compared(value: number, sizeBytes: number): void {
    const physical = value >>> 0;
    if (!this.#isArmed || this.#excusesPointers || this.#isDistance(physical)) return;
    throw new ModelStop({ kind: 'watched', what: 'comparison', physical, sizeBytes, linear: 0n });
  }

  /** How far the image was moved is no address, though at the lowest bases it looks like one. */
  #isDistance(value: number): boolean {
    return value === this.territory.loaded.start - this.territory.linkTime.start;
  }

  /** Notes what the model stopped before. */
  stopped({ what, access = 'read', physical, sizeBytes, linear }: Watched): void {
    if (what === 'translate') this.note('early-high-half', access, linear, sizeBytes);
    else if (what === 'pointer' || what === 'comparison') this.#met(what, physical, sizeBytes);
    else if (what === 'walk')
      this.note('link-time-table', 'load of a table', BigInt(physical), sizeBytes, 'a page table');
    else {
      const place = isLinkTime(this.territory, physical, sizeBytes) ? 'link-time' : 'foreign';
      if (what === 'execute' && this.#isAstray(`${place}-execute`)) return this.#countStop();
      this.note(`${place}-${what}`, what, BigInt(physical), sizeBytes);
    }
    this.#countStop();
  }

  /** What is executed where control went astray is no defect of its own. */
  #isAstray(rule: RuleName): boolean {
    return [...this.#noted.values()].some((noted) => noted.rule === rule);
  }

  #countStop(): void {
    if (++this.#stops >= MOST_STOPS) this.#isArmed = false;
  }

  /** A value that may be an address. */
  #met(what: 'pointer' | 'comparison', value: number, sizeBytes: number): void {
    if (this.#isData(this.#cpu.linearInstruction, value)) return;
    const deed = what === 'pointer' ? 'store of a pointer' : 'comparison';
    this.note(`link-time-${what}`, deed, BigInt(value), sizeBytes);
  }

  /** To be told of a table or segment base in the link-time range. @param at the instruction that loaded it */
  loaded(name: string, base: number, at: bigint): void {
    if (this.#loadedBases.get(name) === base) return;
    this.#loadedBases.set(name, base);
    this.note('link-time-table', 'load of a table', BigInt(base), 1, name, at);
  }

  /** To be told of a near transfer into the link-time range. @param low, high the address behind the instruction */
  transferred(low: number, high: number, length: number): void {
    const target = this.#cpu.linearInstruction;
    if (!isLinkTime(this.territory, Number(target), 1)) return;
    const from = linearOf(low, high) - BigInt(length);
    if (isLinkTime(this.territory, Number(from), 1) && this.#isAstray('link-time-execute')) return;
    this.note('link-time-execute', 'execute', target, 1, undefined, from);
  }

  /** To be told where control goes to the firmware: whether the stack is aligned as its convention has it. */
  calledFirmware(): void {
    const { words, bitness } = this.#cpu;
    // At a function's first instruction the return address is pushed (UEFI Specification 2.10, §2.3.4.2).
    if (bitness !== 64 || (words[RSP]! & 15) === 8) return;
    this.note('firmware-stack', 'call', BigInt(words[RSP]! >>> 0), 8, 'rsp', this.#caller());
  }

  /** Control is at a function’s first instruction. @returns undefined where the stack is nowhere */
  #caller(): bigint | undefined {
    const [pointer, pointerHigh] = [this.#cpu.words[RSP]!, this.#cpu.words[RSP + 1]!];
    return this.unwatched(() => {
      const bytes = Buffer.from(bytesAt(this.#cpu, linearOf(pointer, pointerHigh), 8, 'read'));
      return bytes.length < 8 ? undefined : callSite(this.#cpu, bytes.readBigUInt64LE());
    });
  }

  /** Whether page tables were looked at since they were loaded. */
  knowsTables(low: number, high: number): boolean {
    if (this.#tables === low && this.#tablesHigh === high) return true;
    this.#tables = low;
    this.#tablesHigh = high;
    return false;
  }

  /**
   * Executes the instruction that the model stopped before. After a stop for the value that is stored, where it is stored is
   * still watched: another stop may follow.
   */
  past<T>({ what }: Watched, step: () => T): T {
    if (what !== 'pointer' && what !== 'comparison') return this.unwatched(step);
    this.#excusesPointers = true;
    try {
      return step();
    } finally {
      this.#excusesPointers = false;
    }
  }

  /** Executes something with nobody watching. */
  unwatched<T>(action: () => T): T {
    const before = this.#isArmed;
    this.#isArmed = false;
    try {
      return action();
    } finally {
      this.#isArmed = before;
    }
  }

  /**
   * Notes a finding.
   * @param at the instruction's linear address; absent: it is the one at the instruction pointer
   */
  note(rule: RuleName, deed: Deed, touched: bigint, sizeBytes: number, what?: string, at?: bigint): void {
    const instruction = this.unwatched(() => instructionAt(this.#cpu, at));
    const key = `${rule} ${instruction.linear}`;
    const known = this.#noted.get(key);
    if (known) known.times++;
    else if (this.#noted.size < MOST_FINDINGS) {
      const expected = this.#expected(rule, touched);
      this.#noted.set(key, {
        ...{ rule, instruction, deed, touched, sizeBytes, times: 1 },
        ...(expected === undefined ? {} : { expected }),
        ...(what === undefined ? {} : { what }),
      });
    }
  }

  #expected(rule: RuleName, touched: bigint): bigint | undefined {
    const { linkTime, loaded } = this.territory;
    return rule.startsWith('link-time') ? touched + BigInt(loaded.start - linkTime.start) : undefined;
  }

  #watchPages(): void {
    const { physical } = this.#cpu;
    physical.watchOf = (frame) => this.#watchOf(frame);
    for (const page of physical.pages()) page.watch = this.#watchOf(page.frame);
  }

  #watchOf(frame: number): number {
    const start = frame * PAGE_BYTES;
    if (contains(this.territory.loaded, start, PAGE_BYTES)) return 0;
    return isLinkTime(this.territory, start, PAGE_BYTES) ? ALL : WATCH.write | WATCH.execute;
  }

  /** Nobody needs to be asked again where all of the page may be used. */
  #unwatch(owned: MemoryRange, physical: number): void {
    const start = physical - (physical % PAGE_BYTES);
    if (contains(owned, start, PAGE_BYTES)) this.#cpu.physical.page(start / PAGE_BYTES).watch = 0;
  }
}
