/**
 * CLAIM: what a real boot notices of a forgotten base the offline check notices, what that says would show does not pass, and
 * what passes on a real machine it calls silent. The reverse does not hold: silent is meant for machines that have a stale
 * copy of the image where it was linked; where something else lies there, the boot may die of it.
 */
import t from 'tap';
import { type EntryName, holdsAt, visibilityOf } from '../harness/check/contract.ts';
import { mutantsOfImage } from '../harness/check/image-mutants.ts';
import { modelOf } from '../harness/check/model-checker.ts';
import { mutantSample } from '../harness/check/mutant-sample.ts';
import { changesAt } from '../harness/check/mutants.ts';
import { checkedImageData } from '../harness/cli/check-subject.ts';
import { mutantDefect } from '../harness/sabotage/mutant-defect.ts';
import { tryDefects } from '../harness/sabotage/trials.ts';
import { loadSubject } from '../harness/scenario/subject.ts';
import { prepareTrials } from '../scripts/sabotage/prepare.ts';
import { builtXen } from './testdata/patched-xen.ts';

const LOAD_BASE = 0x3e00000;
const COUNTS: readonly (readonly [EntryName, number])[] = [
  ['bios', 6],
  ['efi', 3],
];
const SEED = 7;
const TIMEOUT_MS = 40_000;

for (const [entry, count] of COUNTS)
  t.test(`a sample of mutants on real boots: ${entry}`, async (t) => {
    const { image, symbols } = await builtXen();
    const subject = await loadSubject('xen', image, symbols, 'the default Xen');
    const checker = await modelOf(await checkedImageData(subject), entry);
    const { linkBase } = checker.image.loaded;
    const instance = `xen-early-boot~${entry}~base-0x03e00000`;
    const foretold = mutantSample(mutantsOfImage(checker).mutants, count, SEED).map((mutant) => {
      const changes = changesAt(mutant, LOAD_BASE, linkBase);
      const result = checker.at(LOAD_BASE, changes);
      const defect = mutantDefect(mutant, changes[0]!.bytes, instance);
      return { defect, isNoticed: !holdsAt(result), visibility: visibilityOf(result) };
    });
    const directory = t.testdir({});
    const defects = foretold.map(({ defect }) => defect);
    const options = { defects, clean: 0, jobs: 2, timeoutMs: TIMEOUT_MS };
    const flags = { cold: false, list: false, json: false, help: false };
    const surroundings = { say: () => undefined, signal: new AbortController().signal };
    const request = await prepareTrials({ ...options, ...flags }, directory, surroundings);
    const trials = await tryDefects(defects, request, () => undefined);
    for (const [index, { fate, defect, why, reason, verdict, witness }] of trials.entries()) {
      const { isNoticed, visibility } = foretold[index]!;
      const said = `${defect.claim}: ${verdict} by ${witness} (${reason}); the model: ${visibility}`;
      t.comment(said);
      t.match(fate, /^(killed|survived)$/, `${said}; ${why}`);
      if (fate === 'killed') t.ok(isNoticed, `the model notices it, too: ${said}`);
      if (visibility === 'shows') t.equal(fate, 'killed', `it does not pass: ${said}`);
    }
  });
