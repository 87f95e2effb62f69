/** `loadbase check`: an image's early boot in the x86 model, at every base it can be loaded at. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { PROBE_VARIANTS } from '../specimen/probe-variants.ts';
import { baseAddress, listOf, oneOf, positiveInteger } from './options.ts';
import type { CheckOptions } from './run-options.ts';

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description(
      'run an image’s early boot in the x86 model at many load bases, offline; names what forgot its base',
    )
    .option(
      '--xen <file[,symbols]>',
      'a ready Xen image, gzip or not, and its xen-syms; else the Xen that `loadbase build` makes (e.g. ./xen.gz,./xen-syms)',
    )
    .option(
      '--specimen <name>',
      'instead of Xen a kernel of our own (e.g. probe-segments)',
      oneOf(PROBE_VARIANTS),
    )
    .option(
      '--base <hex,…>',
      'these load bases (e.g. 0x3e00000,0x80000000), or all: every 2 MiB slot below 4 GiB and misaligned ones; ' +
        'default: one of each class',
      listOf(baseAddress),
    )
    .option(
      '--entry <name,…>',
      'only this entry: bios (32-bit) or efi (64-bit); default: both',
      listOf(oneOf(['bios', 'efi'] as const)),
    )
    .option(
      '--mutants',
      'also make the image forget its base in one place after the other, and count how often the check notices',
    )
    .option('--json', 'everything, as JSON')
    .option('--jobs <n>', 'threads (e.g. 4)', positiveInteger, availableParallelism())
    .addHelpText(
      'after',
      `
Needs no QEMU. Each boot is watched: an access, jump, table or stored pointer that refers to where the image was linked,
not to where it is, is told with its instruction, symbol and source line, and with the bases at which a console would
show it and at which the boot would go on as if nothing were wrong.

--mutants asks how sharp the check is: the same image, one base dropped at a time, is checked at a few bases; survivors are
told with the reason why they make no difference.

Exit codes: 0 holds at every base that was tried, and of the mutants at least 99 % are noticed and each other is explained ·
1 a defect, or too few mutants noticed · 2 wrong use or input · 3 an error of host or harness ·
130 interrupted

Examples:
  loadbase check                                  the Xen of loadbase build, at a handful of bases
  loadbase check --base all                       at every one
  loadbase check --xen ./xen.gz,./xen-syms --base all
  loadbase check --base 0x3e00000 --entry efi
  loadbase check --mutants --entry bios
  loadbase check --base all --json | jq .defects`,
    )
    .action(async (options: CheckOptions) => {
      const { checkImage } = await import('./check-image.ts');
      process.exitCode = await checkImage(options);
    });
}
