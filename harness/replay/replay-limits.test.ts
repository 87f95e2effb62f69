/** CLAIM: what a file says costs no more memory than it is worth, and a long replay tells how far it is. */
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { Replay } from './replay.ts';
import { run, smallBoot, traceOfBoot, type SmallBoot, type SmallRecord } from './testdata/small-boot.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);

const replay = async (boot: SmallBoot) => new Replay(await traceOfBoot(boot), boot.image, store).run();

t.test('stopped: a digest of what nobody knows, however large', async (t) => {
  const boot = smallBoot(disassembler, 'a300200000 f4');
  for (const [address, sizeBytes] of [
    [0x2000, 5],
    [0x1ffe, 4],
    [0x2000, 2 ** 51],
    [0x1000, 2 ** 51],
    [0x7000, 1],
  ] as const)
    await t.test(`${sizeBytes} bytes at ${address}`, async (t) => {
      const records = [
        ...boot.records,
        { kind: 'digest', digests: [{ address, sizeBytes, crc32: 0 }] } as SmallRecord,
      ];
      const { divergence } = await replay({ ...boot, records });
      t.match(divergence?.disagreement, { kind: 'stopped', reason: { kind: 'unknown memory' } });
    });
});

t.test('stopped: one byte in each of very many pages', async (t) => {
  const boot = smallBoot(disassembler, '90 f4');
  const runs = Array.from({ length: 170_000 }, (_, index) => run(0x10_0000 + index * 4096, '01'));
  const records: SmallRecord[] = [{ kind: 'memory', runs, cause: 'read' }, ...boot.records];
  const { divergence } = await replay({ ...boot, records });
  t.match(divergence?.at, { step: 0, linear: 0x1000n });
  t.match(divergence?.disagreement, {
    kind: 'stopped',
    reason: { what: /^more than 1638\d\d pages of memory$/ },
  });
});

t.test('progress is told where there is much', async (t) => {
  // mov $100000,%ecx; loop .
  const boot = smallBoot(disassembler, 'b9a0860100 e2fe f4');
  const told: number[] = [];
  const end = new Replay(await traceOfBoot(boot), boot.image, store).run({
    onProgress: (steps) => told.push(steps),
  });
  t.match(end, { steps: 100_001, divergence: undefined });
  t.same(told, [65536]);
});
