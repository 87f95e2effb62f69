/** `loadbase debug`: one instance, stopped at its first checkpoint, ready for gdb. */
import type { Command } from 'commander';
import { SCENARIOS } from '../../scenarios/index.ts';
import { addInstanceOptions } from './instance-options.ts';
import { oneOf } from './options.ts';
import type { DebugOptions } from './run-options.ts';
import { addImageOption, addSourceOptions } from './source-options.ts';

export function addDebugCommand(program: Command): void {
  const command = program
    .command('debug')
    .description(
      'boot one instance, stop at its first checkpoint, and print the gdb command with symbols at the right base',
    )
    .argument('<instance>', 'its name, as `loadbase list` shows it');
  addImageOption(command);
  addInstanceOptions(command, SCENARIOS);
  addSourceOptions(command)
    .option(
      '--accel <auto|tcg|kvm>',
      'accelerator (e.g. tcg)',
      oneOf(['auto', 'tcg', 'kvm'] as const),
      'auto',
    )
    .option('--cold', 'boot from the reset vector instead of forking a machine that was frozen at GRUB')
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
