/** A real boot’s trace under the rules that judge the model’s own runs. */
import { isOfValues } from '../sanitizer/pointer-stores.ts';
import { Replay, type ReplayEnd } from '../replay/replay.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { OriginPlans } from '../sanitizer/origin-plan.ts';
import { Origins } from '../sanitizer/origins.ts';
import type { Territory } from '../sanitizer/territory.ts';
import { watchedOperations } from '../sanitizer/watched-operation.ts';
import type { SanitizerSlot } from '../sanitizer/sanitizer-slot.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import type { LinkedImage } from './ending-words.ts';
import type { Knowledge } from './knowledge.ts';
import { territoryAt } from './territory-at.ts';

/** What many traces share: code that is decoded stays decoded. */
export class WatchedCode {
  readonly slot: SanitizerSlot = { current: undefined };
  readonly store: CodeStore;
  readonly plans: OriginPlans;

  constructor(disassembler: Disassembler) {
    this.store = new CodeStore(disassembler, watchedOperations(this.slot));
    this.plans = new OriginPlans(disassembler);
  }
}

/** Of the image that a trace is of. */
export function linkedImageOf({ subject }: Pick<TraceHeader, 'subject'>): LinkedImage {
  const { linkBase, loadBase, segments } = subject;
  const ends = segments.map(({ physicalAddress, memorySizeBytes }) => physicalAddress + memorySizeBytes);
  return { linkBase, loadSize: Math.max(loadBase, ...ends) - loadBase };
}

export class SanitizedTrace {
  readonly replay: Replay;
  readonly #trace: TraceReader;
  readonly #image: Uint8Array;
  readonly #knowledge: Knowledge;
  readonly #code: WatchedCode;

  /** @param image the image file’s bytes, which must be those that the trace’s header names @throws TraceError */
  constructor(trace: TraceReader, image: Uint8Array, knowledge: Knowledge, code: WatchedCode) {
    this.#trace = trace;
    this.#image = image;
    this.#knowledge = knowledge;
    this.#code = code;
    const { slot, store } = code;
    this.replay = new Replay(trace, image, store, { slot, territory: (cpu) => this.#territory(cpu) });
  }

  /**
   * What the replay found, which has come to its end. Values that look like addresses and are none are told apart by a
   * second, slow replay, where there are any.
   * @throws TraceError
   */
  findings({ divergence }: ReplayEnd): readonly Finding[] {
    if (!divergence) this.replay.stepBeyond();
    const { findings } = this.replay;
    this.#code.slot.current = undefined;
    return findings.some(isOfValues) ? this.#withoutData(findings) : findings;
  }

  #withoutData(findings: readonly Finding[]): Finding[] {
    const { store, plans } = this.#code;
    let found: { origins: Origins; territory: Territory } | undefined;
    const replay = new Replay(this.#trace, this.#image, store, undefined, (cpu, code) => {
      const territory = this.#territory(cpu);
      const origins = new Origins(cpu, code, territory, plans);
      found = { origins, territory };
      return {
        touchedSystem: true,
        step: () => origins.step(),
        outsideWrote: (physical, sizeBytes) => origins.outsideWrote(physical, sizeBytes),
      };
    });
    // As far as the first: a step that diverges was executed, too.
    const { divergence } = replay.run({ limit: this.replay.progress.steps + 1 });
    if (!divergence) replay.stepBeyond();
    return found ? found.origins.stores.withoutData(findings, found.territory) : [...findings];
  }

  #territory(cpu: Cpu): Territory {
    const { linkBase, loadSize } = linkedImageOf(this.#trace.header);
    const { loadBase } = this.#trace.header.subject;
    return territoryAt(
      {
        ...{ linkBase, loadBase, sizeBytes: loadSize },
        // Only UEFI enters in 64-bit mode (Multiboot2 Specification 2.0 §3.5).
        entry: cpu.bitness === 64 ? 'efi' : 'bios',
        initial: cpu.state(),
      },
      cpu,
      this.#knowledge,
    );
  }
}
