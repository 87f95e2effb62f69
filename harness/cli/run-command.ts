/** `loadbase run`: prepare, plan, run, report. */
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { RunEvent, RunListener, Totals } from '../scenario/contract.ts';
import { SCENARIOS } from '../../scenarios/index.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import type { RunExecution } from './execute-run.ts';
import { EXIT } from './exit-codes.ts';
import { addInstanceOptions, matrixInstances } from './instance-options.ts';
import { interruptSignal } from './interrupt.ts';
import { listOf, oneOf, positiveInteger, positiveSeconds } from './options.ts';
import { DEFAULT_TIMEOUT_S, type RunOptions } from './run-options.ts';
import { addImageOption, addSourceOptions } from './source-options.ts';
import { quoted } from './shell-word.ts';
import { complain, standardOutput } from './surroundings.ts';

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .description('boot instances and judge them; without arguments the default matrix')
    .argument('[glob...]', "instance names or patterns, e.g. '*~efi~*'; see `loadbase list`");
  addImageOption(command);
  addInstanceOptions(command, SCENARIOS);
  addSourceOptions(command)
    .option(
      '--accel <auto|tcg|kvm>',
      'accelerator; auto: KVM where a probe boot proves it (e.g. tcg)',
      oneOf(['auto', 'tcg', 'kvm'] as const),
      'auto',
    )
    .option(
      '--cold',
      'boot every machine from its reset vector instead of forking one that was frozen at GRUB (e.g. to time firmware)',
    )
    .option('--jobs <n>', 'machines at once (e.g. 4)', positiveInteger, availableParallelism())
    .option(
      '--timeout <s>',
      'seconds until an instance without an end is given up (e.g. 120)',
      positiveSeconds,
      DEFAULT_TIMEOUT_S,
    )
    .option(
      '--reporter <name[=file],…>',
      'pretty, tap, json, junit; several at once (e.g. pretty,junit=junit.xml)',
      listOf((text) => text),
    )
    .option(
      '--resume <folder>',
      'go on with the run that is kept there: what has no verdict yet, or `error` (e.g. results/runs/20261123T141403Z-e473)',
    )
    .option('--out <folder>', 'where results go; default results/runs/<run id> (e.g. ./out)')
    .addHelpText(
      'after',
      `
Examples:
  loadbase run                                            the default matrix
  loadbase run 'xen-early-boot~efi~*' --jobs 4
  loadbase run --base 0x3e00000,0x80000000 --firmware bios
  loadbase run xen-early-boot --base all --memory 2560    every 2 MiB slot, on both firmwares
  loadbase run --xen ./xen.gz,./xen-syms --reporter tap
  loadbase run --kernel ./my-kernel --expect '^Welcome'   any Multiboot2 kernel, at every class of base
  loadbase run --reporter pretty,junit=junit.xml,json=results.json
  loadbase run --resume results/runs/20261123T141403Z-e473   the rest of a run that was stopped, with its own options`,
    )
    .action(async (globs: string[], options: RunOptions) => {
      process.exitCode =
        options.resume === undefined
          ? await runCommand({ globs, options })
          : await resumeCommand(options.resume, globs, options, givenOptions(command));
    });
}

function givenOptions(command: Command): string[] {
  const isGiven = ({ name }: { name: string }) => command.getOptionValueSource(name) === 'cli';
  return command.options
    .map((option) => ({ name: option.attributeName(), long: option.long ?? option.flags }))
    .filter(isGiven)
    .map(({ long }) => long);
}

async function resumeCommand(
  directory: string,
  globs: readonly string[],
  options: RunOptions,
  given: readonly string[],
): Promise<number> {
  const { refuseBesideResume, resumedOptions } = await import('./run-request.ts');
  refuseBesideResume(globs, given);
  const { withStoppedRun } = await import('./stopped-run.ts');
  return withStoppedRun(resolve(directory), (stopped) => {
    const { request } = stopped;
    return runCommand({ globs: request.globs, options: resumedOptions(request, options, given), stopped });
  });
}

async function runCommand(asked: Pick<RunExecution, 'globs' | 'options' | 'stopped'>): Promise<number> {
  const { globs, options, stopped } = asked;
  const { makeReporter } = await import('../report/make-reporter.ts');
  const { parseReporterSpecs } = await import('../report/reporter-spec.ts');
  const { executeRun } = await import('./execute-run.ts');
  const named = parseReporterSpecs(options.reporter ?? []);
  // Reports into files leave standard output to a person.
  const specs = named.some(({ file }) => file === undefined)
    ? named
    : [{ name: 'pretty' as const }, ...named];
  const scenarios = await chosenScenarios(options);
  // What is wrong with the options is said before anything is built.
  if (!stopped && options.base === undefined && options.repeat === undefined) {
    const { selectInstances } = await import('../scenario/instance-name.ts');
    selectInstances(matrixInstances(scenarios, options), globs);
  }
  const signal = interruptSignal();
  const reporters = specs.map((spec) => makeReporter(spec, standardOutput(), { cwd: process.cwd() }));
  let folder: string | undefined;
  const emit: RunListener = (event: RunEvent) => {
    if (event.kind === 'run-started') folder = event.outDirectory;
    reporters.forEach((reporter) => reporter.onEvent(event));
  };
  let code: number | undefined;
  try {
    const results = await executeRun({
      ...asked,
      signal,
      emit,
      ...(options.out === undefined ? {} : { outDirectory: resolve(options.out) }),
    });
    code = signal.aborted ? EXIT.interrupted : exitCodeFor(results.totals);
    return code;
  } finally {
    for (const reporter of reporters) await reporter.end();
    if (folder !== undefined && (code === undefined || code === EXIT.interrupted)) tellHowToGoOn(folder);
  }
}

function exitCodeFor({ fail, crash, flaky, error }: Totals): number {
  return fail + crash + flaky > 0 ? EXIT.failed : error > 0 ? EXIT.host : EXIT.ok;
}

/** The last line, on standard error: whatever the reporters write to. */
function tellHowToGoOn(folder: string): void {
  const near = relative(process.cwd(), folder);
  const shown = near === '' || near.startsWith('..') ? folder : near;
  complain(`to go on: npx loadbase run --resume ${quoted(shown)}`);
}
