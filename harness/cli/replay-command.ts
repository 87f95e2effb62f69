/** `loadbase replay`: traces in the x86 model, offline. */
import type { Command } from 'commander';
import type { ReplayCommandOptions } from './run-options.ts';

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description('replay traces in the x86 model, offline, and compare every step')
    .argument('<file...>', 'traces that `loadbase capture` wrote')
    .option(
      '--image <file[,symbols]>',
      'the image that was captured, gzip or not, and its symbols; else it is looked for among what was built here (e.g. ./xen,./xen-syms)',
    )
    .option(
      '--sanitize',
      'ask of the captured boot, too, what `loadbase check` asks of the model’s own: name each instruction that breaks a rule of relocated code',
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Needs no QEMU. A divergence is shown with its step, symbol, source line, what was recorded, what the model has, and the
last 20 steps. --sanitize names each instruction that touched, entered or pointed to where the image was linked, or wrote
to memory that is not its own, with the code around it. Exit code 0: all agree, and no rule is broken; 1: a divergence, or
a broken rule; 2: a file that is no whole trace, or is of another image.

Examples:
  loadbase replay results/golden/*.lbtrace
  loadbase replay boot.lbtrace --image ./xen.gz,./xen-syms
  loadbase replay boot.lbtrace --sanitize
  loadbase replay boot.lbtrace --json | jq .traces[0].divergence`,
    )
    .action(async (files: readonly string[], options: ReplayCommandOptions) => {
      const { replayFiles } = await import('./replay-files.ts');
      process.exitCode = await replayFiles(files, options);
    });
}
