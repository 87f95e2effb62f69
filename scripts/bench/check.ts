/** `loadbase check` on the built Xen, as a user runs it: the whole command on two workers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../harness/workdir/project-root.ts';
import { commandMs, LOADBASE, NODE } from './commands.ts';
import { type Figure, median } from './figure.ts';

const ROUNDS = 3;
const CHECK = [...LOADBASE, 'check', '--jobs', '2'];
const ONE_BASE = '0x3e00000';
const POLL_MS = 50;

export const checkFigure: Figure = {
  name: 'check/all',
  about: 'loadbase check --base all on Xen, both entries, on two workers',
  measure: async ({ rounds = ROUNDS, say }) => {
    const [all, one]: [Usage[], Usage[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      all.push(await usage(NODE, [...CHECK, '--base', 'all']));
      one.push(await usage(NODE, [...CHECK, '--base', ONE_BASE]));
      say(`check/all: ${((all.at(-1)?.ms ?? 0) / 1000).toFixed(1)} s`);
    }
    const seconds = (seen: readonly Usage[]) => median(seen.map(({ ms }) => ms)) / 1000;
    return {
      ...{ value: seconds(all), unit: 's' },
      parts: [
        // What a check of one base takes is nearly all start-up: Node, image, symbols, reference runs.
        { part: 'start-up', value: seconds(one), unit: 's' },
        { part: 'peak-memory', value: Math.max(...all.map(({ peakMb }) => peakMb)), unit: 'MB' },
      ],
    };
  },
};

export const mutantsFigure: Figure = {
  name: 'check/mutants-bios',
  about: 'loadbase check --mutants --entry bios: the mutation score of Xen’s BIOS entry, on two workers',
  measure: async ({ rounds = 1, say }) => {
    if (!(await offers('--mutants'))) {
      say('check/mutants-bios: left out: this loadbase check has no --mutants');
      return undefined;
    }
    const seen: number[] = [];
    for (let round = 0; round < rounds; round++)
      seen.push(await commandMs(NODE, [...CHECK, '--mutants', '--entry', 'bios']));
    return { value: median(seen) / 1000, unit: 's' };
  },
};

/** Whether `loadbase check` knows an option. */
async function offers(option: string): Promise<boolean> {
  const child = spawn(NODE, [...LOADBASE, 'check', '--help'], {
    cwd: projectRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  await once(child, 'close');
  return Buffer.concat(said)
    .toString()
    .split(/[\s,]+/)
    .includes(option);
}

export interface Usage {
  /** Wall time. */
  readonly ms: number;
  /** Of the process with all its threads: the most that was resident, in 10⁶ bytes; 0 where the host does not say. */
  readonly peakMb: number;
}

/** @throws where the command does not end with 0: then neither says anything. */
export async function usage(file: string, args: readonly string[]): Promise<Usage> {
  const started = performance.now();
  const child = spawn(file, args, { cwd: projectRoot(), stdio: ['ignore', 'ignore', 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const running = { isEnded: false, ms: 0 };
  const closed = once(child, 'close').then(([code]) => {
    Object.assign(running, { isEnded: true, ms: performance.now() - started });
    return code as number | null;
  });
  let peakMb = 0;
  while (!running.isEnded) {
    peakMb = Math.max(peakMb, await peakOf(child.pid));
    await Promise.race([closed, sleep(POLL_MS)]);
  }
  const code = await closed;
  if (code === 0) return { ms: running.ms, peakMb };
  throw new Error(
    `${[file, ...args].join(' ')} ended with ${code}: ${Buffer.concat(errors).toString().trim()}`,
  );
}

/** It only grows (proc_pid_status(5), VmHWM), so that nothing is missed but what comes after the last look. */
async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024) / 1e6;
}
