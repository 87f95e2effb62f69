/** What a command can be told that takes one boot in hand: debug and capture. */
import type { Command } from 'commander';
import { SCENARIOS } from '../../scenarios/index.ts';
import { addInstanceOptions } from './instance-options.ts';
import { oneOf } from './options.ts';
import { addImageOption, addSourceOptions } from './source-options.ts';

export function addSingleBootOptions(command: Command): Command {
  addImageOption(command);
  addInstanceOptions(command, SCENARIOS);
  return addSourceOptions(command)
    .option(
      '--accel <auto|tcg|kvm>',
      'accelerator (e.g. tcg)',
      oneOf(['auto', 'tcg', 'kvm'] as const),
      'auto',
    )
    .option('--cold', 'boot from the reset vector instead of forking a machine that was frozen at GRUB');
}
