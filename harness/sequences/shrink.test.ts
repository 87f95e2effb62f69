import t from 'tap';
import { MODES } from './program.ts';
import { Random } from './random.ts';
import { layOut } from './region.ts';
import { randomSequence, type Sequence } from './sequence.ts';
import { type Fails, shrink } from './shrink.ts';

const random = new Random(3);
const sequences = Array.from({ length: 60 }, (_, index) => randomSequence(random, MODES[index % 3]!));
const mnemonics = (all: readonly Sequence[]) =>
  all.flatMap(({ units }) => units.flatMap(({ pieces }) => pieces.map(({ mnemonic }) => mnemonic)));

/** Counts how often it is asked. */
function counting(fails: (all: readonly Sequence[]) => boolean): { fails: Fails; asked: () => number } {
  let asked = 0;
  return { fails: async (all) => (asked++, fails(all)), asked: () => asked };
}

t.test('one instruction is to blame: it alone is left', async (t) => {
  const { fails, asked } = counting((all) => mnemonics(all).includes('cmpxchg8b'));
  const smallest = await shrink(sequences, fails);
  t.equal(smallest.length, 1);
  t.equal(smallest[0]!.units.length, 1);
  t.ok(mnemonics(smallest).includes('cmpxchg8b'));
  t.ok(asked() < 60, `${asked()} times asked`);
});

t.test('two of different sequences only together', async (t) => {
  const has = (all: readonly Sequence[], bitness: number, mnemonic: string) =>
    mnemonics(all.filter((sequence) => sequence.bitness === bitness)).includes(mnemonic);
  const smallest = await shrink(
    sequences,
    counting((all) => has(all, 16, 'imul') && has(all, 64, 'movsxd')).fails,
  );
  t.equal(smallest.length, 2);
  t.ok(smallest.every(({ units }) => units.length === 1));
});

t.test('the same each time', async (t) => {
  const fails = () => counting((all) => mnemonics(all).filter((name) => name === 'adc').length >= 3).fails;
  t.strictSame(await shrink(sequences, fails()), await shrink(sequences, fails()));
});

t.test('registers may be all it takes', async (t) => {
  const smallest = await shrink(sequences.slice(0, 4), counting((all) => all.length > 0).fails);
  t.match(smallest, { length: 1 });
});

t.test('what is left out on the way can still be laid out', async (t) => {
  const { fails } = counting((all) => {
    for (const bitness of MODES)
      layOut(
        bitness,
        all.filter((sequence) => sequence.bitness === bitness),
      );
    return mnemonics(all).includes('loop');
  });
  await t.resolves(shrink(sequences, fails));
});

t.test('what does not fail cannot be shrunk; errors come through', async (t) => {
  await t.rejects(
    shrink(sequences, async () => false),
    { name: 'NothingToShrinkError' },
  );
  await t.rejects(
    shrink(sequences, async () => Promise.reject(new RangeError('the host'))),
    { message: 'the host' },
  );
});
