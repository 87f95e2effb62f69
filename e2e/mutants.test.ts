/**
 * CLAIM: what a real boot notices of a forgotten base the offline check notices, and what that says would show does not pass.
 * What it calls silent comes to its end on a user's machine, that is, where nobody but the console watches: to watch memory,
 * our other boots lay a pattern over GRUB's copy of the image at its link base, and many a silent one dies of that.
 */
import t from 'tap';
import { type EntryName, holdsAt, visibilityOf } from '../harness/check/contract.ts';
import { mutantsOfImage } from '../harness/check/image-mutants.ts';
import { type ImageChecker, modelOf } from '../harness/check/model-checker.ts';
import { mutantSample } from '../harness/check/mutant-sample.ts';
import { changesAt, type Mutant } from '../harness/check/mutants.ts';
import { checkedImageData } from '../harness/cli/check-subject.ts';
import type { Defect } from '../harness/sabotage/defect.ts';
import { mutantDefect } from '../harness/sabotage/mutant-defect.ts';
import { tryDefects, type TrialRequest } from '../harness/sabotage/trials.ts';
import { loadSubject } from '../harness/scenario/subject.ts';
import { prepareTrials } from '../scripts/sabotage/prepare.ts';
import { builtXen } from './testdata/patched-xen.ts';

const LOAD_BASE = 0x3e00000;
interface Count {
  /** Of all mutants, with all witnesses. */
  readonly any: number;
  /** Of those that are silent in the model, with the console alone. */
  readonly silent: number;
}
const COUNTS: readonly (readonly [EntryName, Count])[] = [
  ['bios', { any: 6, silent: 10 }],
  ['efi', { any: 3, silent: 6 }],
];
const SEED = 7;
const TIMEOUT_MS = 40_000;
/**
 * Xen executes it once more after early boot, at its high address, where a distance from RIP that was made for the load base
 * leads nowhere: that is no forgotten base. Of all 167 silent mutants of Debian's Xen it is the only one that dies.
 */
const EXECUTED_LATER = /^efi_enabled\+/;

interface Foretold {
  readonly defect: Defect;
  readonly isNoticed: boolean;
  readonly visibility: ReturnType<typeof visibilityOf>;
}

function foretell(checker: ImageChecker, mutant: Mutant, instance: string): Foretold {
  const changes = changesAt(mutant, LOAD_BASE, checker.image.loaded.linkBase);
  const result = checker.at(LOAD_BASE, changes);
  const defect = mutantDefect(mutant, changes[0]!.bytes, instance);
  return { defect, isNoticed: !holdsAt(result), visibility: visibilityOf(result) };
}

async function trialRequest(defects: readonly Defect[], directory: string): Promise<TrialRequest> {
  const options = { defects, clean: 0, jobs: 2, timeoutMs: TIMEOUT_MS };
  const flags = { cold: false, list: false, json: false, help: false };
  const surroundings = { say: () => undefined, signal: new AbortController().signal };
  return prepareTrials({ ...options, ...flags }, directory, surroundings);
}

for (const [entry, count] of COUNTS) {
  const instance = `xen-early-boot~${entry}~base-0x03e00000`;
  const mutants = async () => {
    const { image, symbols } = await builtXen();
    const subject = await loadSubject('xen', image, symbols, 'the default Xen');
    const checker = await modelOf(await checkedImageData(subject), entry);
    const all = mutantSample(mutantsOfImage(checker).mutants, Infinity, SEED);
    return { checker, all };
  };

  t.test(`a sample of mutants on real boots: ${entry}`, async (t) => {
    const { checker, all } = await mutants();
    const foretold = all.slice(0, count.any).map((mutant) => foretell(checker, mutant, instance));
    const defects = foretold.map(({ defect }) => defect);
    const request = await trialRequest(defects, t.testdir({}));
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

  t.test(`silent ones come to their end: ${entry}`, async (t) => {
    const { checker, all } = await mutants();
    const defects: Defect[] = [];
    for (const mutant of all) {
      if (defects.length === count.silent) break;
      const { defect, visibility } = foretell(checker, mutant, instance);
      if (visibility === 'silent' && !EXECUTED_LATER.test(mutant.symbol ?? '')) defects.push(defect);
    }
    t.equal(defects.length, count.silent);
    const request = await trialRequest(defects, t.testdir({}));
    const trials = await tryDefects(defects, { ...request, witnesses: 'console' }, () => undefined);
    for (const { defect, verdict, reason } of trials)
      t.equal(verdict, 'pass', `${defect.claim}: ${verdict} (${reason})`);
  });
}
