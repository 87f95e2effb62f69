// Builds an entry that is never finished: says "building" once it has staged half of it. To be killed by a test.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cache } from '../cache.ts';

const [cacheRoot = ''] = process.argv.slice(2);
const cache = new Cache({ cacheRoot, onProgress: () => undefined });
const request = { task: 'sample', inputs: { text: 'hello' } };
void cache.entry(request, async (workshop) => {
  const staging = await workshop.staging(cache.digest(request));
  await writeFile(join(staging, 'result'), 'hel');
  process.stdout.write('building\n');
  await workshop.command('sleep', 'sleep', ['600']);
});
