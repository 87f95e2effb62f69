/**
 * `npm run promote-machine -- TRACE… -o FILE [--name NAME] [--again COMMANDS]`: makes a machine profile of captured boots of one
 * machine. The first trace is told, the others complete and confirm it.
 * Exit: 0 done, 2 refused or wrong use, 3 the host.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, UsageError } from '../harness/cli/exit-codes.ts';
import { imageForTrace } from '../harness/cli/image-for-trace.ts';
import type { CapturedTrace } from '../harness/profile/capture.ts';
import { encodeMachineProfile } from '../harness/profile/machine-profile.ts';
import { profileOfTraces } from '../harness/profile/profile-of-trace.ts';
import { TraceError } from '../harness/trace/trace-errors.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore } from '../harness/x86/execute/code-store.ts';

const HELP = 'npm run promote-machine -- TRACE… -o FILE [--name NAME] [--again COMMANDS]';

const REFUSALS: ReadonlySet<string> = new Set([
  ...[
    'MachineProfileError',
    'CallNotUnderstoodError',
    'UnobservableBootError',
    'UntrimmableTraceError',
    'TraceImageError',
  ],
]);

function say(text: string): void {
  process.stderr.write(`promote-machine: ${text}\n`);
}

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      name: { type: 'string' },
      again: { type: 'string' },
    },
  });
  const { output } = values;
  if (output === undefined || positionals.length === 0) throw new UsageError(`usage: ${HELP}`);
  const traces: CapturedTrace[] = [];
  for (const path of positionals) {
    const bytes = await readFile(path);
    traces.push({ bytes, image: (await imageForTrace(new TraceReader(bytes), undefined)).bytes });
  }
  const profile = await profileOfTraces(traces, new CodeStore(await loadDisassembler()), {
    name: values.name ?? basename(output, '.json').replace(/^machine-/, ''),
    again:
      values.again ??
      `npm run promote-machine -- ${positionals.map((path) => basename(path)).join(' ')} -o ${basename(output)}`,
    madeAt: new Date(),
  });
  await writeFile(output, encodeMachineProfile(profile));
  const { replies, memory, provenance } = profile;
  const memoryBytes = memory.reduce((sum, { bytes }) => sum + bytes.length, 0);
  say(`${output}: ${replies.length} replies, ${memoryBytes} bytes of memory`);
  for (const note of provenance.notes) say(note);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  const isInput = error instanceof Error && REFUSALS.has(error.name);
  const isOption = error instanceof TypeError && 'code' in error;
  process.exitCode = isInput || isOption || error instanceof TraceError ? 2 : exitCodeOf(error);
}
