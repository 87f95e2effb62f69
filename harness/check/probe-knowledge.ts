/** Our probe as the offline check knows it: it halts after a record, which says what it found. */
import { MIB } from '../bits/align.ts';
import type { Observation } from '../guest/guest-view.ts';
import { readProbeRecord } from '../probe/read-record.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { MemoryRange } from '../sanitizer/territory.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { GENERAL_NAMES, readField } from '../x86/state/state-layout.ts';
import { equal, holds } from '../guest/guest-view.ts';
import type { LinkedImage } from './ending-words.ts';
import type { EntryName } from './contract.ts';
import type { EndedRun, ExpectedEnding, Knowledge } from './knowledge.ts';

const CLASSIC = 8;

export class ProbeKnowledge implements Knowledge {
  readonly endsByHalting = true;
  /** Its record has the addresses that it was linked at. */
  readonly keepsLinkTimeAddresses = true;
  readonly laid = [];
  readonly highHalf = undefined;
  /** Its record tells of its base, and of all that has it in it a checksum: what is right is in the record itself. */
  readonly symmetry = undefined;
  readonly #linkBase: number;
  readonly #sizeBytes: number;

  constructor(
    { linkBase, loadSize }: LinkedImage,
    readonly symbols: ImageSymbols | undefined,
  ) {
    this.#linkBase = linkBase;
    this.#sizeBytes = loadSize;
  }

  endAt(): undefined {
    return undefined;
  }

  expectedEnding(): ExpectedEnding {
    return { kind: 'reached' };
  }

  /** All that it writes to is its own, but a word of the boot information that its 32-bit entry borrows for a stack. */
  owned(
    _cpu: Cpu,
    _loadBase: number,
    entry: EntryName,
    physical: number,
    initial: Int32Array,
  ): MemoryRange | undefined {
    const information = Number(readField(initial, 'rbx'));
    const [start, end] = [information + 4, information + 8];
    return entry === 'bios' && physical >= start && physical < end ? { start, end } : undefined;
  }

  /** Whether A20 is on it sees where its own memory would be if it were not. */
  looksAt(physical: number, loadBase: number): boolean {
    const offset = ((physical ^ MIB) >>> 0) - loadBase;
    return offset >= 0 && offset < this.#sizeBytes;
  }

  endState({ consoleText, loadBase, initial, entry }: EndedRun): Observation[] {
    const reading = readProbeRecord(consoleText.split(/\r?\n/));
    if (reading.kind !== 'record')
      return [holds(false, '', `its record is not to be believed (${reading.kind}): ${reading.detail}`)];
    const { record } = reading;
    const wrong = GENERAL_NAMES.slice(0, entry === 'efi' ? undefined : CLASSIC).filter((name) => {
      const said = record.registers[name];
      return said !== undefined && said !== readField(initial, name);
    });
    return [
      equal('the base that it found, of its record,', record.runBase, loadBase),
      equal('the base that it was linked at', record.linkBase, this.#linkBase),
      holds(
        record.segments.every(({ nonzeroBss }) => nonzeroBss === 0),
        `each of its segments (${record.segments.length}) ends in zeros`,
        'a segment does not end in zeros',
      ),
      holds(
        wrong.length === 0,
        'registers are as the loader left them',
        `it says other registers than the loader left: ${wrong.join(', ')}`,
      ),
    ];
  }

  knownDefect(): undefined {
    return undefined;
  }
}
