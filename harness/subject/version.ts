/** Which of two versions is older. */

/** `4.17.6-pre`, `GRUB 2.06-loadbase…`: the first two numbers, which decide. */
const VERSION = /(\d+)\.(\d+)/;

/** Whether the version is older than the first one with the fix; a version that nobody knows is not. */
export function isBefore(version: string | undefined, mendedIn: string): boolean {
  const [seen, mended] = [VERSION.exec(version ?? ''), VERSION.exec(mendedIn)];
  if (!seen || !mended) return false;
  const major = Number(seen[1]) - Number(mended[1]);
  return major < 0 || (major === 0 && Number(seen[2]) < Number(mended[2]));
}
