/**
 * Where numbers come from that look like link-time addresses: the image itself, as a number in an instruction, as a pointer
 * built into its data, as the instruction pointer while it runs where it was linked; or data, which only happens to look so.
 * A slow second run, an instruction at a time, follows each such address through registers and memory. What is computed
 * from one is one as long as its value lies in the link-time range: where the base is added it no longer does.
 */
import type { CodeCache } from '../x86/execute/code-cache.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { execute, handled } from '../x86/execute/step.ts';
import { ModelStop, type StopReason } from '../x86/execute/stop.ts';
import { CR2 } from '../x86/state/state-layout.ts';
import { ADDRESS_BYTES, MarkedMemory, type Place, placeOf } from './marked-memory.ts';
import { MarkedRegisters } from './marked-registers.ts';
import type { Flow, Source } from './origin-flows.ts';
import { OriginPlans, type Plan } from './origin-plan.ts';
import { PointerStores } from './pointer-stores.ts';
import { followString, startOf, type StringStart } from './string-origins.ts';
import { isLinkTime, type Territory } from './territory.ts';
import { type ComparedRegisters, indexOfRegister, suspectOf } from './watched-comparison.ts';

const RAX = 0;

/** What is known of an instruction before it is executed. */
interface Prepared {
  readonly plan: Plan;
  readonly places: readonly Place[];
  /** Of each flow whether an address flows. */
  readonly carries: readonly boolean[];
  /** The low words of the registers that are written. */
  readonly before: readonly number[];
  readonly string: StringStart | undefined;
  readonly storesAddress: boolean;
}

export class Origins {
  /** Stores that the sanitizer asks about, judged. */
  readonly stores = new PointerStores();
  readonly #cpu: Cpu;
  readonly #code: CodeCache;
  readonly #territory: Territory;
  readonly #plans: OriginPlans;
  readonly #registers: MarkedRegisters;
  readonly #memory: MarkedMemory;

  /**
   * Before the first instruction, with the image loaded; nobody may watch the CPU's memory meanwhile.
   * @param code for single steps
   * @param plans shared by runs of the same code store
   */
  constructor(
    cpu: Cpu,
    code: CodeCache,
    territory: Territory,
    plans = new OriginPlans(code.store.disassembler),
  ) {
    this.#cpu = cpu;
    this.#code = code;
    this.#territory = territory;
    this.#plans = plans;
    this.#registers = new MarkedRegisters(cpu, territory);
    this.#memory = new MarkedMemory(cpu.physical, territory);
  }

  /** Executes one instruction, as the model's `step` does, and follows what it does. @see step */
  step(): StopReason | undefined {
    const prepared = this.#prepare();
    const end = execute(this.#cpu, this.#code);
    if (prepared?.string) this.#followString(prepared);
    if (end === undefined && prepared) this.#follow(prepared);
    return end instanceof GuestFault ? handled(this.#cpu, end) : end;
  }

  /** To be told of what firmware wrote, though what it replaced by other bytes is noticed without. @param physical address */
  outsideWrote(physical: number, sizeBytes: number): void {
    this.#memory.clear(physical, sizeBytes);
  }

  /** @returns undefined where the instruction will not be executed either */
  #prepare(): Prepared | undefined {
    const { words } = this.#cpu;
    const [low, high] = [words[CR2]!, words[CR2 + 1]!];
    try {
      return this.#look(this.#plans.of(this.#code.block(this.#cpu, 1)));
    } catch (thrown) {
      if (!(thrown instanceof GuestFault || thrown instanceof ModelStop)) throw thrown;
      words[CR2] = low;
      words[CR2 + 1] = high;
      return undefined;
    }
  }

  #look(plan: Plan): Prepared | undefined {
    const { flows, memory, string, stored, compared } = plan;
    if (compared) this.#judgeComparison(compared);
    if (flows.length === 0 && !string) return undefined;
    const cpu = this.#cpu;
    const places = memory.map(({ linear, sizeBytes, writes }) => {
      const low = writes ? linear.forWrite(cpu) : linear.forRead(cpu);
      return placeOf(cpu, low, cpu.high, sizeBytes, writes ? 'write' : 'read');
    });
    const carries = flows.map((flow) => this.#carries(flow, places));
    const before = flows.map(({ to }) => (to.kind === 'register' ? this.#registers.low(to.index) : 0));
    const storesAddress = string
      ? string.storesAccumulator && this.#registers.isAddress(RAX)
      : flows.some(({ to }, at) => to.kind === 'memory' && carries[at]!);
    if (stored) this.#judge(stored, storesAddress);
    return { plan, places, carries, before, string: string && startOf(string, cpu), storesAddress };
  }

  #judge({ read, sizeBytes }: NonNullable<Plan['stored']>, isAddress: boolean): void {
    const value = read(this.#cpu) >>> 0;
    if (!isLinkTime(this.#territory, value, 1) || (sizeBytes === 8 && this.#cpu.high !== 0)) return;
    this.stores.add(this.#cpu.linearInstruction, value, sizeBytes, isAddress ? 'address' : 'data');
  }

  #judgeComparison(compared: ComparedRegisters): void {
    const suspect = suspectOf(this.#cpu, { territory: this.#territory }, compared);
    if (suspect === undefined) return;
    const isAddress = this.#registers.isAddress(indexOfRegister(suspect));
    const value = this.#cpu.words[suspect]! >>> 0;
    const { linearInstruction } = this.#cpu;
    this.stores.add(linearInstruction, value, compared.sizeBytes, isAddress ? 'address' : 'data');
  }

  #carries({ to, from, minus }: Flow, places: readonly Place[]): boolean {
    if (to.kind === 'memory' && isPart(places[to.index]!))
      return from.length > 0 && this.#memory.areMarked(places[to.index]!);
    if (!from.some((source) => this.#isAddress(source, places))) return false;
    return minus === undefined || !this.#isAddress(minus, places);
  }

  #isAddress(source: Source, places: readonly Place[]): boolean {
    if (source.kind === 'computed') return true;
    if (source.kind === 'constant')
      return source.value <= 0xffff_ffffn && isLinkTime(this.#territory, Number(source.value), 1);
    if (source.kind === 'register') return this.#registers.isAddress(source.index);
    return this.#memory.isAddress(places[source.index]!);
  }

  #follow({ plan: { flows }, places, carries, before }: Prepared): void {
    for (const [at, { to, isConditional }] of flows.entries()) {
      const [place, isAddress] = [places[to.index], carries[at]!];
      if (to.kind === 'register') {
        const isSame = isConditional && this.#registers.low(to.index) === before[at];
        if (!isSame) this.#registers.store(to.index, isAddress);
      } else if (place && isPart(place)) this.#memory.storePart(place, isAddress);
      else if (place) this.#memory.store(place, isAddress);
    }
  }

  #followString({ plan, string, storesAddress }: Prepared): void {
    const [cpu, memory] = [this.#cpu, this.#memory];
    followString(plan.string!, string!, { cpu, memory, isAddress: storesAddress });
  }
}

function isPart(place: Place): boolean {
  let sizeBytes = 0;
  for (const piece of place) sizeBytes += piece.sizeBytes;
  return sizeBytes < ADDRESS_BYTES;
}
