/** `loadbase vectors`: the x86 model against somebody else's test vectors; boots nothing. */
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { bound, escapeForTerminal } from '../report/escape.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { standardOutput } from './surroundings.ts';

const MAX_NAME = 200;
const CHUNK_BYTES = 256 * 1024;

export function addVectorsCommand(program: Command): void {
  program
    .command('vectors')
    .description('run test vectors, one instruction each, in the x86 model; says which fail and how')
    .argument('<file>', 'a JSON list of vectors; - reads standard input')
    .addHelpText(
      'after',
      `
A vector:
  {"name": "inc eax", "mode": 32, "bytes": "40",
   "initial": {"regs": {"eax": "0x7fffffff", "eip": 4096, "eflags": 2}, "ram": [[8192, 1]]},
   "final":   {"regs": {"eax": "0x80000000", "eip": 4097, "eflags": "0x896"}, "ram": []}}

mode       16 (real mode), 32 or 64; no paging, so that linear addresses are physical ones
bytes      the instruction; stands at CS:EIP
numbers    decimal or "0x…"; registers by 16-, 32- and 64-bit names, selectors, eflags, cr0 …
segs       in initial: bases, {"ds": "0x10000"}; without it segments are flat
final      what changed: everything else must be as before, memory included. Where it names no instruction pointer,
           that of the next instruction is right, too
exception  in final: {"vector": 13, "errorCode": 0}, before it is delivered; the state is the one at the fault
undefinedFlags  a mask of flags not to compare, beside those that the SDM leaves undefined

Time and memory: one entry at a time is held, of at most 16 MiB; an instruction may touch 8 MiB.
Exit codes: 0 all passed · 1 some failed · 2 the file or an entry is malformed

Examples:
  loadbase vectors add.json
  zcat vectors.json.gz | loadbase vectors -`,
    )
    .action(vectorsCommand);
}

async function vectorsCommand(file: string): Promise<void> {
  const { checkVectors } = await import('../vectors/check-vectors.ts');
  const { VectorFileError } = await import('../vectors/json-list.ts');
  const { loadDisassembler } = await import('../x86/disassembler.ts');
  const output = standardOutput();
  const what = file === '-' ? 'standard input' : file;
  const { passed, failed } = await checkVectors(
    bytesOf(file, what),
    what,
    await loadDisassembler(),
    ({ index, name, differences }) =>
      output.write(
        `FAIL ${escapeForTerminal(bound(name, MAX_NAME))} (entry ${index}): ${differences.join('; ')}\n`,
      ),
  ).catch((error: unknown) => {
    // It shows what the file holds.
    if (error instanceof VectorFileError) throw new VectorFileError(escapedLines(error.message));
    throw error;
  });
  output.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = EXIT.failed;
}

/** @throws UsageError where it cannot be read */
async function* bytesOf(file: string, what: string): AsyncGenerator<Uint8Array> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES });
  } catch (error) {
    throw new UsageError(`cannot read ${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const escapedLines = (text: string): string => text.split('\n').map(escapeForTerminal).join('\n');
