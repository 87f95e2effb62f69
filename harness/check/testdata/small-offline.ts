/** A few instructions as an image linked at 2 MiB, in a machine that gives hardly anything, for the offline check. */
import { watchedOperations } from '../../sanitizer/watched-operation.ts';
import type { SanitizerSlot } from '../../sanitizer/sanitizer-slot.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import { TCG } from '../../x86/execute/habits.ts';
import { SILENT } from '../../x86/execute/inputs.ts';
import { flatState } from '../../x86/execute/testdata/flat-state.ts';
import { writeField } from '../../x86/state/state-layout.ts';
import type { Knowledge } from '../knowledge.ts';
import { OfflineBoot } from '../offline-boot.ts';
import { OfflineCheck } from '../offline-check.ts';
import type { Surroundings } from '../surroundings.ts';

export const LINKED = 0x20_0000;
export const IMAGE_BYTES = 0x3000;
/** Where code finds how far it was moved, by reading from ESI. */
export const MOVED_IN = 'rsi';

const disassembler = await loadDisassembler();

export interface SmallOffline {
  /** At the image’s first byte. Hexadecimal, with `; comments`. */
  readonly code: string;
  readonly knowledge?: Partial<Knowledge>;
  readonly around?: Partial<Surroundings>;
}

export function hexBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
}

/** Ends where it halts; ESI holds how far it was moved, ESP is the image’s end. */
function knowledgeOf(changes: Partial<Knowledge>): Knowledge {
  return {
    ...{ laid: [], symbols: undefined, endsByHalting: true, highHalf: undefined },
    endAt: () => undefined,
    expectedEnding: () => ({ kind: 'reached' }),
    owned: () => undefined,
    endState: () => [],
    knownDefect: () => undefined,
    symmetry: { imageBytes: IMAGE_BYTES, fixed: [], listed: [], nameOf: () => undefined },
    ...changes,
  };
}

function surroundingsOf(changes: Partial<Surroundings>): Surroundings {
  return {
    ...{ entry: 'bios', habits: TCG, inputs: SILENT },
    entryState(loadBase) {
      const words = flatState(32);
      writeField(words, 'rip', BigInt(loadBase));
      writeField(words, 'rsp', BigInt(loadBase + IMAGE_BYTES));
      writeField(words, MOVED_IN, BigInt.asUintN(32, BigInt(loadBase - LINKED)));
      return { words, memory: [] };
    },
    consoleText: () => '',
    answer: () => 'nothing is answered here',
    unanswered: () => undefined,
    reset: () => undefined,
    ...changes,
  };
}

/** 64-bit, the lowest GiB mapped as it is; RAX leads out of the image. */
export function longMode(loadBase: number, stack: number): Partial<Surroundings> {
  const words = flatState(64);
  for (const [field, value] of Object.entries({
    ...{ rip: loadBase, rsp: stack, rax: 0x50_0000, cr0: 0x8000_0011, cr3: 0x1000, cr4: 0x20 },
    efer: 0xd00,
  }))
    writeField(words, field, BigInt(value));
  const entry = (value: number) => Buffer.from([value & 0xff, (value >> 8) & 0xff, 0, 0, 0, 0, 0, 0]);
  const memory = [
    { address: 0x1000, bytes: entry(0x2003) },
    { address: 0x2000, bytes: entry(0x83) },
  ];
  return { entry: 'efi', entryState: () => ({ words, memory }) };
}

function parts({ code, knowledge = {}, around = {} }: SmallOffline) {
  const master = new Uint8Array(IMAGE_BYTES);
  master.set(hexBytes(code));
  const known = knowledgeOf(knowledge);
  const bytes = { master, linkBase: LINKED };
  const slot: SanitizerSlot = { current: undefined };
  const store = new CodeStore(disassembler, watchedOperations(slot));
  const boot = () => new OfflineBoot(bytes, surroundingsOf(around), known, store, slot);
  return { boot, known, bytes };
}

export function smallBoot(small: SmallOffline): OfflineBoot {
  return parts(small).boot();
}

export function smallCheck(small: SmallOffline): OfflineCheck {
  const { boot, known, bytes } = parts(small);
  return new OfflineCheck(boot, known, bytes);
}
