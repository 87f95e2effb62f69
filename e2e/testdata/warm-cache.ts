/** A cache of a test's own that holds what the user's holds, but for frozen machines: links to what is built. */
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../../harness/cli/surroundings.ts';

/** @param folder is made. @returns the value for XDG_CACHE_HOME. */
export function warmCache(folder: string): string {
  const [from, to] = [cacheRoot(), join(folder, 'loadbase')];
  mkdirSync(join(to, 'entries'), { recursive: true });
  for (const name of readdirSync(join(from, 'entries')))
    if (!name.startsWith('frozen-')) symlinkSync(join(from, 'entries', name), join(to, 'entries', name));
  symlinkSync(join(from, 'sources'), join(to, 'sources'));
  for (const name of ['accelerators', 'surveys', 'timings', 'expectations.json', 'durations.json'])
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true });
  return folder;
}
