/** `loadbase capture`: the early boot of one instance as a trace. */
import type { Command } from 'commander';
import { oneOf } from './options.ts';
import type { CaptureOptions } from './run-options.ts';
import { addSingleBootOptions } from './single-boot-options.ts';

export function addCaptureCommand(program: Command): void {
  const command = program
    .command('capture')
    .description('record what early boot does, instruction by instruction, as a trace to replay offline')
    .argument('<instance>', 'its name, as `loadbase list` shows it')
    .option(
      '-o, --output <file>',
      'where to write the trace (default: <instance>.lbtrace; e.g. -o boot.lbtrace)',
    )
    .option(
      '--until <symbol|address>',
      'where it ends: a symbol of the image, or a linear address (default: __start_xen; e.g. --until 0xffff82d0402043c0)',
    )
    .option(
      '--embed-image',
      'put the image into the trace, so that it can be replayed where the image is not',
    )
    .option(
      '--way <log|step>',
      'read QEMU’s own log, or step through its gdbstub, some 30 times slower (default: log with tcg, else step; e.g. step)',
      oneOf(['log', 'step'] as const),
    );
  addSingleBootOptions(command)
    .addHelpText(
      'after',
      `
Two machines are booted: one to see where control leaves the image, one to be recorded; with --way step only the second.
docs/trace-format.md says what a trace holds. A trace that was not finished keeps the ending .part and can be replayed as
far as it goes. Where the x86 model, which runs alongside, parts from the machine, that is told; the trace has what the
machine did, and is whole.

Exit codes: 0 captured · 2 wrong use, or nothing to capture · 3 an error of host or harness · 130 interrupted

Examples:
  loadbase capture xen-early-boot~bios~base-0x03e00000
  loadbase capture xen-early-boot~efi~base-0x80000000 -o efi.lbtrace --embed-image
  loadbase capture xen-early-boot~bios~base-0x03e00000 --way step -o stepped.lbtrace
  loadbase capture 'grub-relocatable~bios~base-any~probe-fixed' --until halt32`,
    )
    .action(async (name: string, options: CaptureOptions) => {
      const { captureInstance } = await import('./capture-instance.ts');
      process.exitCode = await captureInstance(name, options);
    });
}
