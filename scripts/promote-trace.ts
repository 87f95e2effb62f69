/**
 * `npm run promote-trace -- FILE.lbtrace` or `-- INSTANCE [--until SYMBOL]`: makes a trace golden, captured first where an
 * instance is named. It must replay without a divergence; all memory that early boot does not read is taken out of it.
 * Exit: 0 done, 2 refused or wrong use, 3 the host, 130 interrupted.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { captureInstance } from '../harness/cli/capture-instance.ts';
import { exitCodeOf, UsageError } from '../harness/cli/exit-codes.ts';
import { imageForTrace } from '../harness/cli/image-for-trace.ts';
import { TraceError } from '../harness/trace/trace-errors.ts';
import { projectRoot } from '../harness/workdir/project-root.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore } from '../harness/x86/execute/code-store.ts';
import { PromotionRefusedError, promote, readTrace } from './promote/promote.ts';

const HELP = 'npm run promote-trace -- FILE.lbtrace | INSTANCE [--until SYMBOL]';

function say(text: string): void {
  process.stderr.write(`promote-trace: ${text}\n`);
}

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { until: { type: 'string' } },
  });
  const [what] = positionals;
  if (what === undefined || positionals.length > 1) throw new UsageError(`usage: ${HELP}`);
  if (existsSync(what)) return await promoted(what, values.until);
  const folder = await mkdtemp(join(tmpdir(), 'loadbase-promote-'));
  try {
    const output = join(folder, 'captured.lbtrace');
    const sources = { grubSrc: 'debian', xenSrc: 'debian', accel: 'tcg' } as const;
    const until = values.until === undefined ? {} : { until: values.until };
    const code = await captureInstance(what, { ...sources, ...until, output });
    return code === 0 ? await promoted(output, values.until) : code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function promoted(path: string, until: string | undefined): Promise<number> {
  const store = new CodeStore(await loadDisassembler());
  const bytes = await readTrace(path);
  const { path: golden, ...facts } = await promote(bytes, {
    folder: join(projectRoot(), 'results', 'golden'),
    store,
    imageFor: async (trace) => (await imageForTrace(trace, undefined)).bytes,
    commandFor: ({ instance }) =>
      `npm run promote-trace -- '${instance}'${until === undefined ? '' : ` --until ${until}`}`,
  });
  say(`${golden}: ${facts.steps} steps in ${facts.sizeBytes} bytes`);
  return 0;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  const isInput = error instanceof PromotionRefusedError || error instanceof TraceError;
  const isOption = error instanceof TypeError && 'code' in error;
  process.exit(isInput || isOption ? 2 : exitCodeOf(error));
}
