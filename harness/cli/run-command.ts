/** `loadbase run`: prepare, plan, run, report. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RunEvent, RunListener } from '../scenario/contract.ts';
import { SCENARIOS } from '../../scenarios/index.ts';
import { chosenScenarios } from './chosen-scenarios.ts';
import { EXIT } from './exit-codes.ts';
import { addInstanceOptions, matrixInstances } from './instance-options.ts';
import { interruptSignal } from './interrupt.ts';
import { listOf, oneOf, positiveInteger, positiveSeconds } from './options.ts';
import { DEFAULT_TIMEOUT_S, type RunOptions } from './run-options.ts';
import { addImageOption, addSourceOptions } from './source-options.ts';
import { standardOutput } from './surroundings.ts';

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
    .option('--out <folder>', 'where results go; default results/runs/<run id> (e.g. ./out)')
    .addHelpText(
      'after',
      `
Examples:
  loadbase run                                            the default matrix
  loadbase run 'xen-early-boot~efi~*' --jobs 4
  loadbase run --base 0x3e00000,0x80000000 --firmware bios
  loadbase run --xen ./xen.gz,./xen-syms --reporter tap
  loadbase run --kernel ./my-kernel --expect '^Welcome'   any Multiboot2 kernel, at every class of base
  loadbase run --reporter pretty,junit=junit.xml,json=results.json`,
    )
    .action(async (globs: string[], options: RunOptions) => {
      process.exitCode = await runCommand(globs, options);
    });
}

async function runCommand(globs: readonly string[], options: RunOptions): Promise<number> {
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
  if (options.base === undefined && options.repeat === undefined) {
    const { selectInstances } = await import('../scenario/instance-name.ts');
    selectInstances(matrixInstances(scenarios, options), globs);
  }
  const signal = interruptSignal();
  const reporters = specs.map((spec) => makeReporter(spec, standardOutput(), { cwd: process.cwd() }));
  const emit: RunListener = (event: RunEvent) => reporters.forEach((reporter) => reporter.onEvent(event));
  try {
    const results = await executeRun({
      globs,
      options,
      signal,
      emit,
      ...(options.out === undefined ? {} : { outDirectory: resolve(options.out) }),
    });
    if (signal.aborted) return EXIT.interrupted;
    const { fail, crash, flaky, error } = results.totals;
    return fail + crash + flaky > 0 ? EXIT.failed : error > 0 ? EXIT.host : EXIT.ok;
  } finally {
    for (const reporter of reporters) await reporter.end();
  }
}
