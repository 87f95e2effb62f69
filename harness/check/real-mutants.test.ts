/**
 * CLAIM: of the real Xen, each forgotten base is noticed but for those that make no difference. The judge here is crude: the
 * golden trace gives what came from outside, and all that is left behind is compared.
 */
import t from 'tap';
import { scoreMutants } from './mutation-score.ts';
import { crudeJudge, mutantsOfTraces } from './testdata/traced-mutants.ts';

/** A difference at a misaligned load base, or at none: the trace's is aligned. */
const SAME_HERE = [/^lea 0x200000\(%esi\),%eax$/, /^lea 0x[0-9a-f]+\(%esi\),%ecx$/];

for (const [entry, least] of [
  ['bios', 80],
  ['efi', 200],
] as const)
  t.test(entry, async (t) => {
    const { mutants, traced } = await mutantsOfTraces(entry);
    t.ok(mutants.length >= least, `${mutants.length} mutants`);
    t.equal(new Set(mutants.map(({ kind, linkTime }) => `${kind} ${linkTime}`)).size, mutants.length);
    const judge = crudeJudge(traced);
    const { imageOffset, edit } = mutants[0]!;
    const { length } = edit.bytes;
    const same = { bytes: traced.image.slice(imageOffset, imageOffset + length) };
    t.equal(judge({ ...mutants[0]!, edit: same }), undefined, 'the image itself survives');
    const { survivors, unused } = scoreMutants(mutants, judge);
    const unexplained = survivors.filter(({ because }) => because === undefined);
    t.same(
      unexplained.filter(({ mutant }) => !SAME_HERE.some((text) => text.test(mutant.original))),
      [],
    );
    t.equal(unexplained.length, 2);
    t.ok(unused < mutants.length / 8, `${unused} compute what nothing uses`);
  });
