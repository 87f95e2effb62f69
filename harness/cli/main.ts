/** The door. Each command is a file of its own and loaded only when it is called: `list` does not wait for the rest. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { projectRoot } from '../workdir/project-root.ts';
import { addBuildCommand } from './build-command.ts';
import { addCaptureCommand } from './capture-command.ts';
import { addCheckCommand } from './check-command.ts';
import { addDebugCommand } from './debug-command.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { endOnClosedOutput } from './interrupt.ts';
import { addListCommand } from './list-command.ts';
import { addReplayCommand } from './replay-command.ts';
import { addRunCommand } from './run-command.ts';
import { complain } from './surroundings.ts';
import { addVectorsCommand } from './vectors-command.ts';

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return text;
}

function program(): Command {
  const command = new Command('loadbase')
    .description(
      'Boots a real hypervisor through a real GRUB at any load base, and says whether its early boot holds there.',
    )
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      `
Exit codes: 0 all pass or skip · 1 a fail, crash or flaky · 2 wrong use or input · 3 an error of host or harness · 130 interrupted

Examples:
  loadbase doctor                                 what is there, what is missing
  loadbase run                                    the default matrix
  loadbase run '*~efi~*' --reporter junit=out.xml one firmware, for CI
  loadbase run --xen-src ~/xen#my-branch --base 0x3e00000
  loadbase debug xen-early-boot~bios~base-0x03e00000
  loadbase capture xen-early-boot~bios~base-0x03e00000 -o boot.lbtrace
  loadbase replay boot.lbtrace                    in the x86 model, offline
  loadbase check --base all                       at every base, in the x86 model`,
    );
  addDoctorCommand(command);
  addBuildCommand(command);
  addListCommand(command);
  addRunCommand(command);
  addDebugCommand(command);
  addCaptureCommand(command);
  addReplayCommand(command);
  addCheckCommand(command);
  addVectorsCommand(command);
  return command;
}

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  endOnClosedOutput();
  process.exitCode = await exitCodeFor(argv);
  // Nothing may keep a finished command alive: sockets and children are released by then.
  process.exit();
}

async function exitCodeFor(argv: readonly string[]): Promise<number> {
  const command = program();
  try {
    await command.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const code = exitCodeOf(error);
    if (code !== EXIT.interrupted) complain(error instanceof Error ? error.message : String(error));
    if (process.env['LOADBASE_DEBUG'] && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    return code;
  }
}
