/** Whole commands, as a user waits for them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../harness/workdir/project-root.ts';
import { type Figure, interleaved, median } from './figure.ts';
import { withFolder } from './prepared-run.ts';

export const NODE = process.execPath;
export const LOADBASE = ['bin/loadbase.js'];
const ROUNDS = 5;

export const listFigure: Figure = {
  name: 'list',
  about: 'npx loadbase list, as a user types it; peer: the same command without npx',
  measure: async ({ rounds = ROUNDS }) => {
    const seen = await interleaved(
      rounds,
      () => commandMs('npx', ['loadbase', 'list']),
      () => commandMs(NODE, [...LOADBASE, 'list']),
      () => undefined,
    );
    return { value: seen.ours, unit: 'ms', peer: 'node bin/loadbase.js list', peerValue: seen.peers };
  },
};

export const setupFigure: Figure = {
  name: 'setup-nothing-to-do',
  about: 'scripts/setup.sh where everything is there',
  measure: async ({ rounds = ROUNDS }) => {
    // The first may have something to do.
    await commandMs('sh', ['scripts/setup.sh']);
    const seen: number[] = [];
    for (let round = 0; round < rounds; round++) seen.push(await commandMs('sh', ['scripts/setup.sh']));
    return { value: median(seen) / 1000, unit: 's' };
  },
};

/** A whole run, with warm caches. */
const runFigure = (name: string, what: string, globs: readonly string[]): Figure => ({
  name,
  about: `${what} with warm caches; peer: the sum of what its instances took`,
  measure: ({ rounds = 1, say }) =>
    withFolder(async (folder) => {
      const seen: number[] = [];
      let instancesMs = 0;
      for (let round = 0; round < rounds; round++) {
        const out = join(folder, String(round));
        seen.push(await commandMs(NODE, [...LOADBASE, 'run', ...globs, '--reporter', 'tap', '--out', out]));
        instancesMs = await sumOfDurations(join(out, 'results.json'));
        say(`${name}: ${((seen.at(-1) ?? 0) / 1000).toFixed(1)} s`);
      }
      const peer = 'sum of its instances’ durations';
      return { value: median(seen) / 1000, unit: 's', peer, peerValue: instancesMs / 1000 };
    }),
});

export const matrixFigure = runFigure('default-matrix', 'loadbase run', []);
export const conformanceFigure = runFigure(
  'grub-conformance',
  'loadbase run grub-relocatable, both firmwares, every machine cold,',
  ['grub-relocatable', '--cold'],
);

async function sumOfDurations(resultsPath: string): Promise<number> {
  const { instances } = JSON.parse(await readFile(resultsPath, 'utf8')) as {
    readonly instances: readonly { readonly durationMs: number }[];
  };
  return instances.reduce((sum, { durationMs }) => sum + durationMs, 0);
}

/** Wall time in ms. @throws where the command does not end with 0: then its time says nothing. */
export async function commandMs(file: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(file, args, { cwd: projectRoot(), stdio: ['ignore', 'ignore', 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return performance.now() - started;
  throw new Error(
    `${[file, ...args].join(' ')} ended with ${code}: ${Buffer.concat(errors).toString().trim()}`,
  );
}
