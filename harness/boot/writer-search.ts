/** Who wrote to an address: the same boot again, with a hardware watchpoint from the subject's first instruction on. */
import { hex } from '../bits/hex.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import { parseCodeSegment } from './cpu-state.ts';
import { humanMonitor } from './guest.ts';
import type { BootOptions } from './boot-record.ts';
import { BootSession } from './boot-session.ts';
import type { SubjectDriver } from './subject-driver.ts';

export interface WriterSearch {
  readonly boot: BootOptions & { readonly driver: SubjectDriver };
  /** Physical; linear addresses are equal to it until the subject has its own page tables. */
  readonly address: number;
  readonly disassembler: Disassembler;
  /** Where the function that holds a linear address begins; undefined where that is not known. */
  readonly codeStart: (linear: bigint) => bigint | undefined;
  /** Name of a linear address. */
  readonly symbolise: (linear: bigint) => string | undefined;
}

/** Instructions are at most 15 bytes long (SDM 2A §2.3.11). */
const LONGEST = 15;
const STUB_MS = 10_000;

/**
 * The first instruction that writes to the address, in words.
 * @returns undefined where nothing wrote there before the deadline or the boot's end.
 * @throws what BootSession.launch and RspClient throw.
 */
export async function findWriter(search: WriterSearch): Promise<string | undefined> {
  const { boot, address } = search;
  await using session = await BootSession.launch(boot);
  const handOff = await session.runToHandOff();
  const [entry] = handOff.kind === 'loaded' ? boot.driver.stops(handOff.loader) : [];
  if (!entry) return undefined;
  const connecting = boot.deadline.cut(STUB_MS);
  const stream = await session.machine.connectGdb(connecting);
  await using rsp = await RspClient.connect(stream, { deadline: connecting });
  await rsp.setPhysicalMemoryMode(false);
  await rsp.insertHardwareBreakpoint(entry.address);
  rsp.continue();
  await rsp.waitForStop(boot.deadline);
  await rsp.removeHardwareBreakpoint(entry.address);
  await rsp.insertWatchpoint('write', BigInt(address), 1);
  rsp.continue();
  const stop = await rsp.waitForStop(boot.deadline);
  if (stop.kind !== 'signal' || stop.watchpoint === undefined) return undefined;
  const { rip } = await rsp.readRegisters();
  const segment = parseCodeSegment(await humanMonitor(session.machine.qmp, 'info registers'));
  const pc = rip + (segment?.base ?? 0n);
  const bitness = segment?.bitness ?? 64;
  const before = search.codeStart(pc) ?? pc - BigInt(LONGEST);
  const size = Number(pc - before);
  const code = await rsp.readMemory(before, size + LONGEST);
  return describe(search, writerAt(search.disassembler, code, { start: before, pc, bitness }), pc);
}

function describe({ symbolise }: WriterSearch, writer: Instruction | undefined, pc: bigint): string {
  const name = (address: bigint) => symbolise(address) ?? 'no known symbol';
  if (!writer) return `the instruction before ${hex(pc)} (${name(pc)})`;
  return `${hex(writer.address)} (${name(writer.address)}): ${writer.text}`;
}

/**
 * A data watchpoint stops after the instruction (SDM 3B §17.2.4): the one that ends at `pc`, or a repeated string
 * instruction at `pc` that has not come to its end.
 * @param code from `start`, where an instruction begins, to one past `pc` at least.
 */
export function writerAt(
  disassembler: Disassembler,
  code: Uint8Array,
  { start, pc, bitness }: { readonly start: bigint; readonly pc: bigint; readonly bitness: 16 | 32 | 64 },
): Instruction | undefined {
  const decoded = disassembler.decode(code, { bitness, address: start });
  const at = decoded.find(({ address }) => address === pc);
  if (at && isRepeatedStore(at)) return at;
  return decoded.find(({ address, length }) => address + BigInt(length) === pc);
}

function isRepeatedStore({ mnemonic, bytes }: Instruction): boolean {
  return /^(stos|movs)[bwdq]$/.test(mnemonic) && (bytes[0] === 0xf3 || bytes[0] === 0xf2);
}
