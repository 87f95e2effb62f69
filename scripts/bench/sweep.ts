/** Sweeps over load bases, as forks of one frozen machine; peer: the same sweep with every machine cold. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandMs, LOADBASE, NODE } from './commands.ts';
import { type Figure, type Measured, median, type Part, type Say } from './figure.ts';
import { withFolder } from './prepared-run.ts';

const BASES = 32;
const JOBS = '2';
/** The base of each: 20 MiB apart from 40 MiB on, where every firmware leaves room. */
const bases = Array.from({ length: BASES }, (_, i) => `0x${((20 + 10 * i) * 0x20_0000).toString(16)}`);

interface Sweep {
  /** Wall time of the whole command, for each base. */
  readonly msPerBase: number;
  /** Median over the instances, by part. */
  readonly partsMs: Readonly<Record<string, number>>;
}

export function sweepFigure(firmware: 'bios' | 'efi'): Figure {
  const name = `sweep-${firmware}`;
  return {
    name,
    about: `wall time for each of ${BASES} bases on ${firmware} at --jobs ${JOBS}, the whole command; peer: with --cold`,
    measure: ({ rounds = 3, say }) => withFolder((folder) => measure(name, firmware, folder, rounds, say)),
  };
}

async function measure(
  name: string,
  firmware: string,
  folder: string,
  rounds: number,
  say: Say,
): Promise<Measured> {
  const one = async (label: string, options: readonly string[]): Promise<Sweep> => {
    const seen = await sweep(firmware, join(folder, label), options);
    say(`${name}: ${label} ${Math.round(seen.msPerBase)} ms a base`);
    return seen;
  };
  // The first makes the frozen machine, where there is none.
  await one('warm-up', []);
  const forks = [await one('forks-0', [])];
  const cold = await one('cold', ['--cold']);
  for (let round = 1; round < rounds; round++) forks.push(await one(`forks-${round}`, []));
  const parts = Object.keys(forks[0]?.partsMs ?? {});
  return {
    ...{ value: median(forks.map(({ msPerBase }) => msPerBase)), unit: 'ms' },
    ...{ peer: 'the same with --cold', peerValue: cold.msPerBase },
    parts: [...parts, ...Object.keys(cold.partsMs).filter((part) => !parts.includes(part))].map((part) =>
      partOf(part, forks, cold),
    ),
  };
}

/** Within an instance; two run at once, so that the parts' sum is more than the time for each base. */
function partOf(part: string, forks: readonly Sweep[], cold: Sweep): Part {
  const seen = forks.flatMap(({ partsMs }) => partsMs[part] ?? []);
  const peerValue = cold.partsMs[part];
  return {
    part,
    value: seen.length > 0 ? median(seen) : 0,
    unit: 'ms',
    ...(peerValue === undefined ? {} : { peer: 'the same part of a cold boot', peerValue }),
  };
}

async function sweep(firmware: string, out: string, options: readonly string[]): Promise<Sweep> {
  const words = ['--scenario', 'xen-early-boot', '--firmware', firmware, '--base', bases.join(',')];
  const ms = await commandMs(NODE, [
    ...[...LOADBASE, 'run', ...words, '--memory', '2560', '--jobs', JOBS],
    ...['--reporter', 'tap', '--out', out, ...options],
  ]);
  return { msPerBase: ms / BASES, partsMs: await medianParts(join(out, 'results.json')) };
}

async function medianParts(resultsPath: string): Promise<Record<string, number>> {
  const { instances } = JSON.parse(await readFile(resultsPath, 'utf8')) as {
    readonly instances: readonly { readonly partsMs?: Readonly<Record<string, number>> }[];
  };
  const names = new Set(instances.flatMap(({ partsMs = {} }) => Object.keys(partsMs)));
  return Object.fromEntries(
    [...names].map((name) => [name, median(instances.map(({ partsMs = {} }) => partsMs[name] ?? 0))]),
  );
}

/** Takes minutes: measured only where its name is asked for. */
export const everyBaseFigure: Figure = {
  name: 'every-base',
  about:
    'loadbase run xen-early-boot --base all --memory 2560 on both firmwares at --jobs 2 (minutes: only with --filter)',
  onlyByName: true,
  measure: () =>
    withFolder(async (folder) => {
      const ms = await commandMs(NODE, [
        ...[
          ...LOADBASE,
          'run',
          'xen-early-boot',
          '--firmware',
          'bios,efi',
          '--base',
          'all',
          '--memory',
          '2560',
        ],
        ...['--jobs', JOBS, '--reporter', 'tap', '--out', join(folder, 'all')],
      ]);
      return { value: ms / 1000, unit: 's' };
    }),
};
