/** `loadbase doctor`: every need at once. */
import type { Command } from 'commander';
import { release } from 'node:os';
import { EXIT } from './exit-codes.ts';
import { interruptSignal } from './interrupt.ts';
import { cacheRoot, complain, searchPath, standardOutput } from './surroundings.ts';

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'what is there and what is missing: tools, firmware, accelerators as proved by a probe boot, cache',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  loadbase doctor\n  loadbase doctor --json')
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await doctorCommand(options.json === true);
    });
}

async function doctorCommand(json: boolean): Promise<number> {
  const { examineHost } = await import('../doctor/examine-host.ts');
  const { formatDoctor } = await import('../report/doctor-table.ts');
  const target = standardOutput();
  const report = await examineHost({
    searchPath: searchPath(),
    nodeVersion: process.version,
    kernelRelease: release(),
    context: {
      cacheRoot: cacheRoot(),
      signal: interruptSignal(),
      onProgress: ({ state, task, detail, step }) => {
        if (state === 'started' || state === 'notice') complain(`${task}: ${detail ?? step}`);
      },
    },
  });
  target.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : formatDoctor(report, target));
  return report.nextAction === undefined ? EXIT.ok : EXIT.host;
}
