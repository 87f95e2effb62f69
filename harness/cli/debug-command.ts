/** `loadbase debug`: one instance, stopped at its first checkpoint, ready for gdb. */
import type { Command } from 'commander';
import type { DebugOptions } from './run-options.ts';
import { addSingleBootOptions } from './single-boot-options.ts';

export function addDebugCommand(program: Command): void {
  const command = program
    .command('debug')
    .description(
      'boot one instance, stop at its first checkpoint, and print the gdb command with symbols at the right base',
    )
    .argument('<instance>', 'its name, as `loadbase list` shows it');
  addSingleBootOptions(command)
    .option('--no-gdb', 'print the gdb command only, even on a terminal')
    .addHelpText(
      'after',
      `
On a terminal gdb is opened; leaving it ends the machine. Elsewhere the machine waits until Ctrl-C.

Examples:
  loadbase debug xen-early-boot~bios~base-0x03e00000
  loadbase debug xen-early-boot~efi~base-any --xen ./xen,./xen-syms --no-gdb`,
    )
    .action(async (name: string, options: DebugOptions) => {
      const { debugInstance } = await import('./debug-instance.ts');
      process.exitCode = await debugInstance(name, options);
    });
}
