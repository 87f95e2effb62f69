/**
 * CLAIM: of the real Xen, each forgotten base is noticed but for those that make no difference. The judge here is crude: the
 * golden trace gives what came from outside, and all that is left behind is compared.
 */
import t from 'tap';
import { xenExplanations } from './mutation-explanations.ts';
import { scoreMutants } from './mutation-score.ts';
import { crudeJudge, mutantsOfTraces } from './testdata/traced-mutants.ts';

/** Whether the load base is aligned is asked of it: the trace's is, and so is the link base. */
const ALIGNED_ANYWAY = /^lea 0x200000\(%esi\),%eax$/;

for (const [entry, least] of [
  ['bios', 80],
  ['efi', 200],
] as const)
  t.test(entry, async (t) => {
    const { mutants, traced, symbols } = await mutantsOfTraces(entry);
    t.ok(mutants.length >= least, `${mutants.length} mutants`);
    t.equal(new Set(mutants.map(({ kind, linkTime }) => `${kind} ${linkTime}`)).size, mutants.length);
    const judge = crudeJudge(traced);
    const { imageOffset, edit } = mutants[0]!;
    const { length } = edit.bytes;
    const same = { bytes: traced.image.slice(imageOffset, imageOffset + length) };
    t.equal(judge({ ...mutants[0]!, edit: same }), undefined, 'the image itself survives');
    const { survivors, unused, equivalent, idle } = scoreMutants(mutants, judge, xenExplanations(symbols));
    const unexplained = survivors.filter(({ because }) => because === undefined);
    t.equal(unexplained.length, 1);
    t.match(unexplained[0]?.mutant.original, ALIGNED_ANYWAY);
    t.same(idle, []);
    t.equal(equivalent, unused + 1);
    t.ok(unused < mutants.length / 8, `${unused} compute what nothing uses`);
  });
