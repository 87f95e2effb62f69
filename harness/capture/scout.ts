/**
 * The first of two boots of the same machine: it runs nearly at full speed, and only tells which blocks ran inside. From
 * them it is known where the recording boot must stop: where control leaves the inside, and where one instruction would
 * fill the log with its iterations.
 */
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import { RspErrorReply } from '../rsp/errors.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { type Block, BlockLogParser } from './block-log.ts';
import { findSites, type Sites } from './call-sites.ts';
import { BLOCK_CODE_BYTES } from './decoded-block.ts';
import { QemuLog, tell } from './qemu-log.ts';
import { tellingWhereItIs } from './stuck.ts';

/** Hundreds of times what Xen needs: a subject that hangs is to be told of, and not fill memory with its blocks. */
const SCOUT_MS = 60_000;

export interface ScoutOptions {
  /** Stopped at the capture's first instruction; launched with the inside as its log's ranges, and for this alone. */
  readonly machine: Machine;
  /** Linear address of the first instruction that is not captured. */
  readonly until: bigint;
  readonly disassembler: Disassembler;
  readonly deadline: Deadline;
}

export interface ScoutReport extends Sites {
  /** `died`: the machine stopped for good before; what QEMU said of it. */
  readonly end:
    | { readonly kind: 'reached' }
    | { readonly kind: 'died'; readonly rip: bigint; readonly said: string | undefined };
  /** How many different blocks ran, and how many in all. */
  readonly blocks: number;
  readonly executed: number;
}

/** @throws StuckError, LogFormatError, and what the monitor and the stub throw. */
export async function scout(options: ScoutOptions): Promise<ScoutReport> {
  const { machine, until, disassembler, deadline } = options;
  await using rsp = await RspClient.connect(await machine.connectGdb(deadline), { deadline });
  let parser = new BlockLogParser();
  await using log = await QemuLog.open(machine, rsp, {
    subject: 'blocks',
    reader: (onMark) => (parser = new BlockLogParser(onMark)),
    deadline,
  });
  await rsp.insertHardwareBreakpoint(until);
  await tell(rsp, log.on(), 'continue');
  await tellingWhereItIs(rsp, () => Promise.race([rsp.waitForStop(deadline.cut(SCOUT_MS)), log.failed]));
  await log.drain();
  const { rip } = await rsp.readRegisters();
  const executed = parser.executed();
  const code = await readCode(machine, rsp, executed.blocks);
  const sites = findSites(executed, (linear) => code.get(linear), disassembler);
  const end =
    parser.reset === undefined && rip === until
      ? ({ kind: 'reached' } as const)
      : ({ kind: 'died', rip, said: parser.reset } as const);
  return { ...sites, end, blocks: executed.blocks.length, executed: parser.count };
}

/**
 * The code of each block as it is at the end. Below 4 GiB early boot runs where linear addresses are physical; above, in
 * the address space of the end.
 */
async function readCode(
  { ram }: Machine,
  rsp: RspClient,
  blocks: readonly Block[],
): Promise<Map<bigint, Uint8Array>> {
  const code = new Map<bigint, Uint8Array>();
  for (const { linear } of blocks) {
    if (code.has(linear)) continue;
    const isLow = ram !== undefined && linear + BigInt(BLOCK_CODE_BYTES) <= BigInt(ram.lowSizeBytes);
    const bytes = isLow
      ? await ram.read(Number(linear), BLOCK_CODE_BYTES)
      : await orNothing(rsp.readMemory(linear, BLOCK_CODE_BYTES));
    if (bytes) code.set(linear, bytes);
  }
  return code;
}

async function orNothing(bytes: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await bytes;
  } catch (error) {
    if (error instanceof RspErrorReply) return undefined;
    throw error;
  }
}
