/** CLAIM: what is generated decodes to what was meant, whatever the seed; the decoder is not ours. */
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { MODES, randomProgram } from './program.ts';
import { Random } from './random.ts';
import { layOut, unitAt } from './region.ts';
import { countInstructions, randomSequence, randomUnit } from './sequence.ts';

const disassembler = await loadDisassembler();

for (const bitness of MODES)
  t.test(`each piece of ${bitness}-bit units is one instruction of its name`, (t) => {
    const random = new Random(bitness);
    const wrong: string[] = [];
    const seen = new Set<string>();
    for (let count = 0; count < 20_000; count++) {
      for (const { bytes, mnemonic } of randomUnit(random, bitness).pieces) {
        const decoded = disassembler.decodeExecutable(bytes, bitness);
        seen.add(mnemonic);
        if (decoded?.mnemonic !== mnemonic || decoded.length !== bytes.length)
          wrong.push(
            `${Buffer.from(bytes).toString('hex')}: ${decoded?.mnemonic ?? '(bad)'}, not ${mnemonic}`,
          );
      }
    }
    t.strictSame([...new Set(wrong)].slice(0, 20), []);
    t.ok(seen.size > 90, `${seen.size} mnemonics`);
    t.end();
  });

t.test('the same seed, the same program; another seed, another one', (t) => {
  const bytes = (seed: number) => Buffer.concat(randomProgram(seed, 20).regions.map(({ bytes }) => bytes));
  t.ok(bytes(7).equals(bytes(7)));
  t.notOk(bytes(7).equals(bytes(8)));
  t.end();
});

t.test('a region: what stands where, jumps within it, and a full one', (t) => {
  const random = new Random(1);
  const sequences = Array.from({ length: 30 }, () => randomSequence(random, 32));
  const region = layOut(32, sequences);
  for (const [sequenceIndex, { start, end, units }] of region.places.entries()) {
    t.match(unitAt(region, start), { sequenceIndex, unitIndex: -1 });
    t.match(unitAt(region, end - 1), { sequenceIndex, unitIndex: units.length - 1 });
  }
  t.equal(unitAt(region, region.bytes.length), undefined);
  const many = Array.from({ length: 1000 }, () => sequences[0]!);
  t.throws(() => layOut(32, many), { name: 'RegionFullError' });
  t.ok(countInstructions(sequences) > 300);
  t.end();
});
