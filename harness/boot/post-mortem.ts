/** What is kept of a machine that did not pass, while it still stands there: registers, code around the PC, screen. */
import { join } from 'node:path';
import type { Deadline } from '../lifetime/deadline.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import { writeFilePlain } from '../workdir/atomic-file.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { listing } from '../x86/listing.ts';
import type { BootSession } from './boot-session.ts';
import { parseCodeSegment } from './cpu-state.ts';
import { humanMonitor } from './guest.ts';

export interface PostMortem {
  /** Kind of evidence → file name in the instance's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** For a person: where the CPU was and the code there. */
  readonly code: readonly string[];
}

export interface PostMortemOptions {
  readonly directory: string;
  readonly deadline: Deadline;
  readonly disassembler: Disassembler;
  /** Name of a linear address, e.g. `trampoline_setup+0x1c`. */
  readonly symbolise: (linear: bigint) => string | undefined;
}

/** Tries everything; what cannot be had is left out, for the machine may be half gone. */
export async function examine(session: BootSession, options: PostMortemOptions): Promise<PostMortem> {
  const { directory, deadline } = options;
  const files: Record<string, string> = {};
  const keep = async (kind: string, name: string, make: () => Promise<void>) => {
    try {
      await make();
      files[kind] = name;
    } catch {
      // The machine is dead or dying: its serial log and QMP log are there already, and say more.
    }
  };
  let registers = '';
  let code: string[] = [];
  const { qmp } = session.machine;
  await keep('screen', 'screen.png', () => dumpScreen(session, join(directory, 'screen.png'), deadline));
  await keep('registers', 'registers.txt', async () => {
    registers = await humanMonitor(qmp, 'info registers', deadline);
    await writeFilePlain(join(directory, 'registers.txt'), registers.replaceAll('\r\n', '\n'));
  });
  await keep('code', 'code.txt', async () => {
    code = await codeAroundPc(session, registers, options);
    await writeFilePlain(join(directory, 'code.txt'), `${code.join('\n')}\n`);
  });
  return { files, code };
}

async function dumpScreen(session: BootSession, path: string, deadline: Deadline): Promise<void> {
  const timeoutMs = deadline.remainingMs;
  await session.machine.qmp.execute('screendump', { filename: path, format: 'png' }, { timeoutMs });
}

/** How much is shown on both sides of the PC, in bytes. */
const BEFORE = 24n;
const CODE_BYTES = 64;
const GIB4 = 0x1_0000_0000n;

async function codeAroundPc(
  session: BootSession,
  registers: string,
  options: PostMortemOptions,
): Promise<string[]> {
  const segment = parseCodeSegment(registers);
  const pcText = /^[RE]IP=([0-9a-f]+)/m.exec(registers)?.[1];
  if (!segment || pcText === undefined) throw new Error('no program counter in the registers');
  const pc = segment.base + BigInt(`0x${pcText}`);
  const stream = await session.machine.connectGdb(options.deadline);
  await using rsp = await RspClient.connect(stream, { deadline: options.deadline });
  // The program counter is a linear address; the mode is QEMU's, not the connection's, and checkpoints had it physical.
  await rsp.setPhysicalMemoryMode(false);
  const isMapped = await rsp.readMemory(pc, 1).then(
    () => true,
    () => false,
  );
  // Wrong page tables fault right where paging is switched on: that code was read at its physical address until then.
  if (!isMapped && pc < GIB4) await rsp.setPhysicalMemoryMode(true);
  // Decoding from before the PC can start inside an instruction; x86 code falls into step within a few.
  const start = pc > BEFORE ? pc - BEFORE : 0n;
  const before = await rsp.readMemory(start, Number(pc - start)).catch(() => new Uint8Array());
  const after = await rsp.readMemory(pc, CODE_BYTES);
  const decode = (bytes: Uint8Array, address: bigint) =>
    options.disassembler.decode(bytes, { bitness: segment.bitness, address });
  const leading = decode(before, start).filter(({ address, length }) => address + BigInt(length) <= pc);
  const instructions = [...leading.slice(-5), ...decode(after, pc).slice(0, 8)];
  return [
    `${segment.bitness}-bit code at ${options.symbolise(pc) ?? 'no known symbol'}${isMapped ? '' : ', which is not mapped; read at the physical address'}:`,
    ...listing(instructions, { pc, symbolise: options.symbolise }),
  ];
}
