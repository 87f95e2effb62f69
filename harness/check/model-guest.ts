/** The model's machine as a stopped guest, for the checks that live boots are judged by. */
import type { GuestView, RegisterView } from '../guest/guest-view.ts';
import type { MachineState, SegmentState } from '../multiboot2/machine-state-rules.ts';
import { A20, GENERAL_NAMES, readField } from '../x86/state/state-layout.ts';
import { copyOf, type EndState } from './end-state.ts';

const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const MEMORY_END = 2 ** 32;

export class ModelGuest implements GuestView {
  readonly #end: EndState;

  constructor(end: EndState) {
    this.#end = end;
  }

  get registers(): RegisterView {
    const { words } = this.#end;
    const field = (name: string) => readField(words, name);
    const named = new Map([...GENERAL_NAMES, 'rip', ...CONTROL].map((name) => [name, field(name)]));
    return {
      ...{ rax: field('rax'), rbx: field('rbx'), rsp: field('rsp'), rip: field('rip') },
      ...{ cs: field('cs.selector'), cr0: field('cr0'), cr3: field('cr3') },
      ...{ cr4: field('cr4'), efer: field('efer') },
      get: (name) => named.get(name),
    };
  }

  async readMachineState(): Promise<MachineState> {
    const { words } = this.#end;
    const field = (name: string) => readField(words, name);
    const table = (name: string) => ({
      base: field(`${name}.base`),
      limit: Number(field(`${name}.limit`)),
    });
    const segments = SEGMENTS.map((name): [string, SegmentState] => [
      name,
      {
        ...{ selector: Number(field(`${name}.selector`)), ...table(name) },
        flags: Number(field(`${name}.attributes`)),
      },
    ]);
    return {
      general: Object.fromEntries([...GENERAL_NAMES, 'rip'].map((name) => [name, field(name)])),
      rflags: field('rflags'),
      segments: Object.fromEntries(segments) as MachineState['segments'],
      ...{ gdtr: table('gdtr'), idtr: table('idtr') },
      ...{ cr0: field('cr0'), cr4: field('cr4'), efer: field('efer') },
      a20: words[A20] === 1,
    };
  }

  /** What nobody spoke of reads as zeros. @throws RangeError beyond 4 GiB */

  async readPhysical(address: number, sizeBytes: number): Promise<Uint8Array> {
    if (address < 0 || address + sizeBytes > MEMORY_END)
      throw new RangeError(`0x${address.toString(16)}, ${sizeBytes} bytes: beyond 4 GiB`);
    return copyOf(this.#end.memory, address, new Uint8Array(sizeBytes));
  }
}
