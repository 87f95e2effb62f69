/**
 * CLAIM: what a real boot notices of a forgotten base, the model notices, too. The reverse does not hold, and is why there is
 * a model: some forgotten bases boot to the banner as if nothing were wrong.
 */
import t from 'tap';
import { mutantSample } from '../harness/check/mutant-sample.ts';
import { changesAt, type Mutant } from '../harness/check/mutants.ts';
import { crudeJudge, mutantsOfTraces } from '../harness/check/testdata/traced-mutants.ts';
import { mutantDefect } from '../harness/sabotage/mutant-defect.ts';
import { tryDefects } from '../harness/sabotage/trials.ts';
import { prepareTrials } from '../scripts/sabotage/prepare.ts';

const INSTANCE = 'xen-early-boot~bios~base-0x03e00000';
const COUNT = 10;
const SEED = 7;
const TIMEOUT_MS = 60_000;

t.test('a sample of mutants on real boots', async (t) => {
  const { mutants, traced } = await mutantsOfTraces('bios');
  const { linkBase, loadBase } = traced.place;
  const judge = crudeJudge(traced);
  const sample = mutantSample(mutants, COUNT, SEED);
  const defects = sample.map((mutant) => {
    const [change] = changesAt(mutant, loadBase, linkBase);
    return mutantDefect(mutant, change!.bytes, INSTANCE);
  });
  const options = { defects, clean: 0, jobs: 2, timeoutMs: TIMEOUT_MS };
  const flags = { cold: false, list: false, json: false, help: false };
  const surroundings = { say: () => undefined, signal: new AbortController().signal };
  const request = await prepareTrials({ ...options, ...flags }, t.testdir({}), surroundings);
  const trials = await tryDefects(defects, request, () => undefined);
  for (const [index, { fate, defect, why }] of trials.entries()) {
    const mutant = sample[index] as Mutant;
    t.match(fate, /^(killed|survived)$/, `${defect.claim}: ${why}`);
    const isSilent = fate === 'survived';
    const killed = judge(mutant);
    t.ok(killed !== undefined || isSilent, `${defect.claim}: ${fate} on a real boot`);
    if (isSilent && killed) t.comment(`silent: ${defect.claim}; the model: ${killed.by}`);
  }
  const noticed = trials.filter(({ fate }) => fate === 'killed').length;
  t.ok(noticed >= COUNT / 2, `${noticed} of ${COUNT} show on a real boot`);
});
