import t from 'tap';
import { KEPT_VARIANTS } from './kept-variants.ts';
import { variantsBuiltWith, variantTransforms, versionSuffix, type GrubVariant } from './variants.ts';

const kept = variantsBuiltWith('standard');
const sabotaged = variantsBuiltWith('sabotage-entry-off');
const all = [...new Set([...kept, ...sabotaged])];

t.test('the standard variant is the source as it is, and is made first', async (t) => {
  t.strictSame(variantTransforms('standard'), []);
  t.strictSame([kept[0], sabotaged[0]], ['standard', 'standard']);
  t.strictSame(kept, Object.keys(KEPT_VARIANTS));
  t.strictSame(variantsBuiltWith('tag-21-lies'), kept, 'who asks for one kept variant gets all');
});

t.test('every other variant changes something, and no two the same', async (t) => {
  const said = all.map((variant) =>
    JSON.stringify(variantTransforms(variant).map((one) => [one.file, one.replacement])),
  );
  t.equal(new Set(said).size, all.length);
  t.ok(sabotaged.every((name) => name === 'standard' || name.startsWith('sabotage-')));
});

t.test('no version suffix is a part of another', async (t) => {
  const suffix = (variant: GrubVariant) => versionSuffix(variant, 'f'.repeat(64));
  for (const one of all)
    t.notOk(
      all.some((other) => other !== one && suffix(other).includes(suffix(one))),
      one,
    );
});
