/** CLAIM: only an older version of the same kind, at the same witness, in the same words, is let off. */
import t from 'tap';
import { knownEnd, knownText, toldAsKnown, type VersionedDefect } from './known-defect.ts';

const KNOWN: VersionedDefect = {
  ...{ of: 'GRUB', fix: 'abc1234', mendedIn: '2.12', witness: 'rules at entry' },
  text: /^module-count: [^;]*$/,
  version: 'GRUB 2.06-loadbase.e9ee100b',
};
const saying = (detail: string, name = KNOWN.witness, ok = false) => [
  { name: 'entry', ok: true, detail: '' },
  { name, ok, detail },
];

t.test('told, not held against it', async (t) => {
  const [entry, told] = toldAsKnown(saying('module-count: 1 for 2'), KNOWN);
  t.strictSame(entry, { name: 'entry', ok: true, detail: '' });
  t.strictSame(told, {
    ...{ name: 'rules at entry', ok: true },
    detail: 'known defect of GRUB 2.06-loadbase.e9ee100b, mended in 2.12 (abc1234): module-count: 1 for 2',
  });
  t.match(toldAsKnown(saying('module-count: 1'), { ...KNOWN, of: 'Xen', version: '2.1' })[1], {
    detail: /^known defect of Xen 2\.1, mended/,
  });
});

t.test('anything else is held against it', async (t) => {
  const stays = (checkpoints: ReturnType<typeof saying>, known: VersionedDefect | undefined, why: string) =>
    t.strictSame(toldAsKnown(checkpoints, known), checkpoints, why);
  stays(saying('module-count: 1'), undefined, 'nothing is known');
  stays(saying('module-count: 1'), { ...KNOWN, version: '2.12' }, 'mended');
  stays(saying('module-count: 1'), { ...KNOWN, version: undefined }, 'no version');
  stays(saying('module-count: 1; end-tag: none'), KNOWN, 'and something more');
  stays(saying('module-count: 1', 'entry'), KNOWN, 'another witness');
  stays(saying('module-count: 1', KNOWN.witness, true), KNOWN, 'it holds');
});

t.test('what a person hears of a pass', async (t) => {
  t.match(knownText(toldAsKnown(saying('module-count: 1'), KNOWN)), /^known defect of GRUB/);
  t.equal(
    knownText(saying('known deviation: one image short', 'placement', true)),
    'known deviation: one image short',
  );
  t.equal(knownText(saying('known to all', 'entry', true)), undefined);
  t.equal(knownText([]), undefined);
});

t.test('an end', async (t) => {
  const known = { ...KNOWN, witness: 'end', text: /^triple fault/ };
  t.match(knownEnd('triple fault at 0x1', known), /^known defect of GRUB .*: triple fault at 0x1$/);
  t.equal(knownEnd('triple fault at 0x1', KNOWN), undefined, 'a witness is known for it, not the end');
  t.equal(knownEnd('page fault', known), undefined);
  t.equal(knownEnd('triple fault', { ...known, version: '2.12' }), undefined);
  t.equal(knownEnd('triple fault', undefined), undefined);
});
