/**
 * CLAIM: an instance that goes on as a fork of a machine frozen at GRUB is seen as its cold boot is: over the whole
 * default matrix verdict, witnesses with all they saw, layout and console are the same.
 *
 * A BROKEN FORK would boot what was on another's payload drive, find RAM or devices other than a cold boot does, or be
 * seen by fewer witnesses; and a broken test would compare a run with itself, so each result must say which it is.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { InstanceResult, Results } from '../harness/scenario/contract.ts';
import { consoleDifferences, differences, layoutDifferences } from '../harness/scenario/same-verdict.ts';
import { readResults, resultOf, run } from './command.ts';

/** The whole matrix cold, on a machine that does other things, too. */
const MATRIX_MS = 1_200_000;

interface Matrix {
  readonly out: string;
  readonly results: Results;
}

/** The default run; where one was just made (.ci/run), that is it. */
async function forked(t: Test, out: string): Promise<Matrix> {
  const made = process.env['LOADBASE_DEFAULT_RUN'];
  if (made) return { out: made, results: await readResults(made) };
  return run(t, [], { out, timeoutMs: MATRIX_MS });
}

async function evidence({ out }: Matrix, result: InstanceResult, kind: string): Promise<string | undefined> {
  const path = result.evidence[kind];
  return path === undefined ? undefined : readFile(join(out, path), 'utf8');
}

async function allDifferences(name: string, cold: Matrix, fork: Matrix): Promise<string[]> {
  const [ofCold, ofFork] = [resultOf(cold.results, name), resultOf(fork.results, name)];
  const both = (kind: string) => Promise.all([evidence(cold, ofCold, kind), evidence(fork, ofFork, kind)]);
  const layouts = (await both('layout')).map((text = 'null'): unknown => JSON.parse(text));
  const [coldConsole = '', forkConsole = ''] = await both('serial');
  return [
    ...differences(ofCold, ofFork),
    ...layoutDifferences(layouts[0], layouts[1]),
    ...consoleDifferences(coldConsole, forkConsole),
  ];
}

t.test('the default matrix, cold and as forks', async (t) => {
  const folder = t.testdir({});
  const fork = await forked(t, join(folder, 'fork'));
  const cold = await run(t, ['--cold'], { out: join(folder, 'cold'), timeoutMs: MATRIX_MS });
  const names = ({ results }: Matrix) => results.instances.map(({ name }) => name).sort();
  t.ok(cold.results.finished && fork.results.finished);
  t.ok(names(cold).length > 200, `${names(cold).length} instances`);
  t.strictSame(names(fork), names(cold));
  t.strictSame(fork.results.totals, cold.results.totals);
  for (const name of names(cold)) {
    t.equal(resultOf(cold.results, name).start, 'cold', name);
    t.equal(resultOf(fork.results, name).start, 'fork', name);
    t.strictSame(await allDifferences(name, cold, fork), [], name);
  }
  for (const kind of ['serial', 'layout'])
    t.ok(
      cold.results.instances.filter(({ evidence }) => evidence[kind] !== undefined).length > 100,
      `${kind} is kept and was compared`,
    );
});
