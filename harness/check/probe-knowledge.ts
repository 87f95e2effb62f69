/** Our probe as the offline check knows it: it halts after a record, which says what it found. */
import type { Observation } from '../guest/guest-view.ts';
import { readProbeRecord } from '../probe/read-record.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { GENERAL_NAMES, readField } from '../x86/state/state-layout.ts';
import { equal, holds } from '../guest/guest-view.ts';
import type { EndedRun, ExpectedEnding, Knowledge } from './knowledge.ts';
import type { SymmetryFacts } from './symmetry.ts';

const CLASSIC = 8;

export class ProbeKnowledge implements Knowledge {
  readonly endsByHalting = true;
  readonly laid = [];
  readonly highHalf = undefined;
  readonly symmetry: SymmetryFacts;
  readonly #image: BootImage;

  constructor(
    image: BootImage,
    readonly symbols: ImageSymbols | undefined,
  ) {
    this.#image = image;
    this.symmetry = {
      imageBytes: image.loaded.loadSize,
      fixed: [],
      listed: [],
      nameOf: () => undefined,
    };
  }

  endAt(): undefined {
    return undefined;
  }

  expectedEnding(): ExpectedEnding {
    return { kind: 'reached' };
  }

  /** All that it writes to is its own. */
  owned(_cpu: Cpu): undefined {
    return undefined;
  }

  endState({ consoleText, loadBase, initial, entry }: EndedRun): Observation[] {
    const reading = readProbeRecord(consoleText.split(/\r?\n/));
    if (reading.kind !== 'record')
      return [holds(false, '', `its record is not to be believed (${reading.kind}): ${reading.detail}`)];
    const { record } = reading;
    const { linkBase } = this.#image.loaded;
    const wrong = GENERAL_NAMES.slice(0, entry === 'efi' ? undefined : CLASSIC).filter((name) => {
      const said = record.registers[name];
      return said !== undefined && said !== readField(initial, name);
    });
    return [
      equal('the base that it found, of its record,', record.runBase, loadBase),
      equal('the base that it was linked at', record.linkBase, linkBase),
      holds(
        record.segments.every(({ nonzeroBss }) => nonzeroBss === 0),
        `its ${record.segments.length} segments end in zeros`,
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
