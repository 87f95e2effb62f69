/**
 * `npm run sabotage`: proves that the harness notices what it is for. Defects of our own making, at three depths, must
 * each be killed by the right witness; ordinary instances must pass. The table goes to standard output, progress to
 * standard error. Exit: 0 all killed and no false alarm, 1 not so, 2 wrong options, 3 the host, 130 interrupted.
 */
import { exitCodeOf, UsageError } from '../harness/cli/exit-codes.ts';
import { interruptSignal } from '../harness/cli/interrupt.ts';
import { cleanSummary, killRate, killSummary, killTable } from '../harness/sabotage/kill-table.ts';
import { runClean, tryDefects, type Trial } from '../harness/sabotage/trials.ts';
import { createRunFolder } from '../harness/workdir/run-folder.ts';
import { HELP, readOptions, type SabotageOptions } from './sabotage/options.ts';
import { prepareTrials } from './sabotage/prepare.ts';

const say = (text: string) => void process.stderr.write(`sabotage: ${text}\n`);
const print = (text: string) => void process.stdout.write(`${text}\n`);

function list({ defects }: SabotageOptions): void {
  for (const { name, make, instances, claim, needs } of defects)
    print(
      `${name} (${make.depth}, ${instances.length} instance${instances.length === 1 ? '' : 's'}): ${claim}` +
        (needs === undefined ? '' : ` [needs ${needs}]`),
    );
}

/** @returns whether all that must be killed was, and nothing else was complained about. */
async function run(options: SabotageOptions, signal: AbortSignal): Promise<boolean> {
  const { path: directory } = await createRunFolder();
  const request = await prepareTrials(options, directory, { say, signal });
  const count = options.defects.reduce((sum, { instances }) => sum + instances.length, 0);
  let done = 0;
  const trials = await tryDefects(options.defects, request, (trial) => {
    const why = trial.why === '' ? '' : `: ${trial.why}`;
    say(`[${++done}/${count}] ${trial.defect.name} on ${trial.instance}: ${trial.fate}${why}`);
  });
  let booted = 0;
  const results = await runClean(options.clean, request, ({ name, verdict }) => {
    if (++booted % 10 === 0 || verdict !== 'pass') say(`[${booted}/${options.clean}] ${name}: ${verdict}`);
  });
  const { failed } = killRate(trials);
  const alarms = results.filter(({ verdict }) => verdict !== 'pass');
  if (options.json)
    print(
      JSON.stringify({
        schema: 'loadbase.sabotage/1',
        trials: trials.map(asJson),
        clean: results.length,
        falseAlarms: alarms,
      }),
    );
  else print([killTable(trials), killSummary(trials), cleanSummary(results)].join('\n\n'));
  if (failed.length + alarms.length > 0) say(`evidence: ${directory}`);
  return failed.length + alarms.length === 0;
}

const asJson = ({ defect, ...trial }: Trial) => ({
  defect: defect.name,
  depth: defect.make.depth,
  ...(defect.needs === undefined ? {} : { needs: defect.needs }),
  ...trial,
});

async function main(argv: string[], signal: AbortSignal): Promise<number> {
  const options = readOptions(argv);
  if (options.help) process.stdout.write(HELP);
  else if (options.list) list(options);
  else return (await run(options, signal)) ? 0 : 1;
  return 0;
}

process.stdout.on('error', () => process.exit(3));
const signal = interruptSignal();
try {
  process.exit(await main(process.argv.slice(2), signal));
} catch (error) {
  if (signal.aborted) process.exit(130);
  say(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError ? 2 : exitCodeOf(error));
}
