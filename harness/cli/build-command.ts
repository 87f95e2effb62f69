/** `loadbase build`: GRUB and Xen into the cache. */
import type { Command } from 'commander';
import type { KeptVariant } from '../grub/kept-variants.ts';
import type { RunEvent } from '../scenario/contract.ts';
import { interruptSignal } from './interrupt.ts';
import { oneOf } from './options.ts';
import { addSourceOptions, artifactRequest, toolchainContext, type SourceOptions } from './source-options.ts';
import { standardOutput } from './surroundings.ts';

const TARGETS = ['grub', 'xen', 'specimens'] as const;
type Target = (typeof TARGETS)[number];

export function addBuildCommand(program: Command): void {
  const command = program
    .command('build')
    .description('build GRUB, Xen and our specimens into the cache; what is there and whole is kept')
    .argument('[target]', 'grub, xen or specimens; default: all', oneOf(TARGETS));
  addSourceOptions(command)
    .option('--if-needed', 'say nothing where everything is there (for set-up scripts)')
    .addHelpText(
      'after',
      `
Examples:
  loadbase build
  loadbase build grub --grub-src ~/grub#v2.12
  loadbase build xen --xen-src ~/xen --xen-patches ./my-series`,
    )
    .action(buildCommand);
}

async function buildCommand(
  target: Target | undefined,
  options: SourceOptions & { readonly ifNeeded?: boolean },
): Promise<void> {
  const { grubBuild } = await import('../grub/build.ts');
  const { KEPT_VARIANTS } = await import('../grub/kept-variants.ts');
  const { xenBuild } = await import('../xen/build.ts');
  const { specimenBuild, SPECIMEN_NAMES } = await import('../specimen/build.ts');
  const { makeReporter } = await import('../report/make-reporter.ts');
  const output = standardOutput();
  const reporter = makeReporter({ name: 'pretty' }, output, { cwd: process.cwd() });
  const context = toolchainContext((event: RunEvent) => reporter.onEvent(event), interruptSignal());
  const request = artifactRequest(options);
  const built: string[] = [];
  try {
    if (target !== 'xen' && target !== 'specimens')
      for (const variant of Object.keys(KEPT_VARIANTS) as KeptVariant[]) {
        const build = await grubBuild({ ...request.grub, variant }, context);
        built.push(`GRUB ${build.version} (${build.sourceLabel}): ${build.directory}`);
      }
    if (target !== 'grub' && target !== 'specimens' && request.subjects.xen.kind === 'build') {
      const build = await xenBuild(request.subjects.xen, context);
      built.push(`Xen ${build.sourceLabel}: ${build.directory}`);
    }
    if (target === undefined || target === 'specimens') {
      for (const name of SPECIMEN_NAMES) {
        const { images, directory } = await specimenBuild(name, context);
        built.push(`specimen ${name} (${images.size} variant${images.size === 1 ? '' : 's'}): ${directory}`);
      }
    }
  } finally {
    await reporter.end();
  }
  if (!options.ifNeeded) output.write(`${built.join('\n')}\n`);
}
