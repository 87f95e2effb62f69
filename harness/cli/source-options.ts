/** `--grub-src`, `--xen-src`, `--xen` and the patch folders: shared by run, debug and build. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { parseSourceSpec } from '../sources/source-spec.ts';
import type { BuildProgress, ToolchainContext } from '../toolchain/toolchain-context.ts';
import type { ArtifactRequest } from '../scenario/artifacts.ts';
import type { XenSource } from '../scenario/prepare-subjects.ts';
import type { RunListener } from '../scenario/contract.ts';
import { UsageError } from './exit-codes.ts';
import { regularExpression } from './options.ts';
import { cacheRoot, searchPath } from './surroundings.ts';

export interface SourceOptions {
  readonly grubSrc: string;
  readonly xenSrc: string;
  readonly grubPatches?: string;
  readonly xenPatches?: string;
  readonly xen?: string;
  readonly kernel?: string;
  readonly expect?: RegExp;
  readonly arguments?: string;
}

/** For commands that boot: an image that is not built here. */
export function addImageOption(command: Command): Command {
  return command
    .option(
      '--xen <file[,symbols]>',
      'a ready Xen image, gzip or not, and its xen-syms (e.g. ./xen.gz,./xen-syms)',
    )
    .option(
      '--kernel <file>',
      'instead of Xen any other Multiboot2 kernel, gzip or not: what needs no knowledge of it is checked (e.g. ./kernel.elf)',
    )
    .option(
      '--expect <regex>',
      'with --kernel: the console line that ends its boot as it should; without, it must stay alive (e.g. "^Welcome")',
      regularExpression,
    )
    .option('--arguments <text>', 'with --kernel: its command line (e.g. "console=ttyS0 debug")');
}

export function addSourceOptions(command: Command): Command {
  return command
    .option(
      '--grub-src <source>',
      'GRUB: debian, a folder, or folder#revision of a clone (e.g. ~/grub#v2.12)',
      'debian',
    )
    .option(
      '--xen-src <source>',
      'Xen: debian, a folder, or folder#revision of a clone, whose own .config is not used (e.g. ~/xen#my-branch)',
      'debian',
    )
    .option(
      '--grub-patches <folder>',
      'apply this series to GRUB first (a `series` file, or *.patch in order; e.g. ./patches)',
    )
    .option('--xen-patches <folder>', 'apply this series to Xen first (e.g. ./patches)');
}

export function artifactRequest(options: SourceOptions): ArtifactRequest {
  return {
    subjects: {
      xen: xenSource(options),
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    },
    grub: {
      source: parseSourceSpec(options.grubSrc, 'grub2'),
      ...(options.grubPatches === undefined ? {} : { patchesDirectory: options.grubPatches }),
    },
    searchPath: searchPath(),
  };
}

/** `FILE[,SYMBOLS]`; a comma in a file name is taken as part of it where such a file exists. */
export function imageAndSymbols(
  xen: string,
): readonly [image: string] | readonly [image: string, symbols: string] {
  const comma = existsSync(xen) ? -1 : xen.lastIndexOf(',');
  return comma < 0 ? [xen] : [xen.slice(0, comma), xen.slice(comma + 1)];
}

/** `--xen`: a ready image. */
function xenSource(options: SourceOptions): XenSource {
  if (options.xen === undefined)
    return {
      kind: 'build',
      source: parseSourceSpec(options.xenSrc, 'xen'),
      ...(options.xenPatches === undefined ? {} : { patchesDirectory: options.xenPatches }),
    };
  if (options.xenSrc !== 'debian' || options.xenPatches !== undefined)
    throw new UsageError('--xen is a ready image; it cannot be combined with --xen-src or --xen-patches');
  const [image, symbols] = imageAndSymbols(options.xen);
  return { kind: 'file', image, ...(symbols === undefined ? {} : { symbols }) };
}

/** The options as they must be repeated to get the same subject and loader. */
export function repeatedSourceOptions(options: SourceOptions): string[] {
  return [
    ...(options.grubSrc === 'debian' ? [] : ['--grub-src', options.grubSrc]),
    ...(options.xenSrc === 'debian' ? [] : ['--xen-src', options.xenSrc]),
    ...(options.grubPatches === undefined ? [] : ['--grub-patches', options.grubPatches]),
    ...(options.xenPatches === undefined ? [] : ['--xen-patches', options.xenPatches]),
    ...(options.xen === undefined ? [] : ['--xen', options.xen]),
    ...(options.kernel === undefined ? [] : ['--kernel', options.kernel]),
    ...(options.expect === undefined ? [] : ['--expect', options.expect.source]),
    ...(options.arguments === undefined ? [] : ['--arguments', options.arguments]),
  ];
}

/** Builds tell what they do as run events, so that every reporter shows them. */
export function toolchainContext(emit: RunListener, signal: AbortSignal): ToolchainContext {
  return { cacheRoot: cacheRoot(), signal, onProgress: (event) => emit(asRunEvent(event)) };
}

function asRunEvent(event: BuildProgress): Parameters<RunListener>[0] {
  const { task, step } = event;
  switch (event.state) {
    case 'started':
      return {
        kind: 'preparing',
        task,
        step,
        ...(event.typicalMs === undefined ? {} : { typicalMs: event.typicalMs }),
      };
    case 'done':
      return { kind: 'prepared', task, step, elapsedMs: event.elapsedMs ?? 0 };
    case 'notice':
    case 'waiting':
      return { kind: 'notice', text: `${task}: ${event.detail ?? step}` };
  }
}
