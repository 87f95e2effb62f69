/** The outside programs that pack media, run so that nothing of the caller's surroundings gets into the bytes. */
import { run } from '../process/run.ts';

/** 1980-01-01T00:00:00Z, the earliest time that a FAT directory can hold. */
export const FIXED_TIME_EPOCH_SECONDS = 315_532_800;

const ENVIRONMENT = {
  LC_ALL: 'C',
  // FAT keeps local times.
  TZ: 'UTC0',
  // Honoured by xorriso (xorrisofs(1)) and Debian's mtools (its changelog).
  SOURCE_DATE_EPOCH: String(FIXED_TIME_EPOCH_SECONDS),
  // mtools would read ~/.mtoolsrc and what MTOOLSRC names.
  HOME: '/nonexistent',
  MTOOLSRC: '/dev/null',
};

export const PACKING_TOOLS = {
  xorriso: { file: 'xorriso', package: 'xorriso' },
  mformat: { file: 'mformat', package: 'mtools' },
  mmd: { file: 'mmd', package: 'mtools' },
  mcopy: { file: 'mcopy', package: 'mtools' },
  // An ordinary user's PATH on Debian has no /usr/sbin.
  sfdisk: { file: '/usr/sbin/sfdisk', package: 'fdisk' },
} as const;

export type PackingTool = keyof typeof PACKING_TOOLS;

export interface PackingOptions {
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  /** Given on standard input. */
  readonly input?: string;
}

/**
 * Runs a packing tool to its end.
 * @returns what it printed on standard output.
 * @throws CommandFailedError with what the tool said, CommandMissingError naming the Debian package.
 */
export async function pack(
  tool: PackingTool,
  args: readonly string[],
  options: PackingOptions = {},
): Promise<string> {
  const { file, package: debianPackage } = PACKING_TOOLS[tool];
  const result = await run(file, args, { env: ENVIRONMENT, package: debianPackage, ...options });
  return result.stdout;
}

/** The first line that a tool says of its version. */
export async function packingToolVersion(tool: PackingTool, signal?: AbortSignal): Promise<string> {
  const said = await pack(tool, ['--version'], signal === undefined ? {} : { signal });
  return said.split('\n', 1)[0] ?? '';
}
