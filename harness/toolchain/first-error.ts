/**
 * Which line of a build's log is the first real error: compilers before make's own summary, which only repeats that
 * something failed. Kinds in order of how much they tell.
 */
const KINDS: readonly RegExp[] = [
  /No space left on device/,
  /(?:^|[\s:])(?:fatal |internal compiler )?error: /i,
  /undefined reference to |multiple definition of |cannot find -l/,
  / is not defined$/,
  /command not found|: not found$|No such file or directory/,
  /\*\*\* /,
];

/**
 * The first line that names an error, without trailing space; where none does, the last line that is not empty.
 * @returns undefined for an empty log.
 */
export function firstError(log: string): string | undefined {
  const lines = log.split('\n').map((line) => line.trimEnd());
  for (const kind of KINDS) {
    const line = lines.find((candidate) => kind.test(candidate));
    if (line !== undefined) return line.trimStart();
  }
  return lines.findLast((line) => line !== '')?.trimStart();
}

/** Whether the log says that the disk is full. */
export function saysNoSpace(log: string): boolean {
  return /No space left on device|ENOSPC/.test(log);
}
