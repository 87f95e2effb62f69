/** CLAIM: only a trace that is whole, agrees with the model, holds no image and is small becomes golden. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  fileOf,
  run,
  smallBoot,
  type SmallBoot,
  type SmallRecord,
} from '../harness/replay/testdata/small-boot.ts';
import { TraceReader } from '../harness/trace/trace-reader.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore } from '../harness/x86/execute/code-store.ts';
import { promote } from './promote/promote.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);

/** mov 0x2010,%eax; hlt; and the line that it reads from. */
function loads(): SmallBoot {
  const boot = smallBoot(disassembler, 'a110200000 f4');
  const line: SmallRecord = { kind: 'memory', runs: [run(0x2000, '00'.repeat(64))], cause: 'read' };
  return { ...boot, records: [line, ...boot.records] };
}

const promotion = (folder: string, bytes: Uint8Array, image: Uint8Array) =>
  promote(bytes, {
    ...{ folder, store },
    imageFor: async () => image,
    commandFor: ({ instance }) => `again ${instance}`,
  });

async function refused(
  t: Test,
  bytes: Uint8Array,
  image: Uint8Array,
  says: { name: string; message?: RegExp },
): Promise<void> {
  const folder = t.testdir({});
  await t.rejects(promotion(folder, bytes, image), says);
  t.same(readdirSync(folder), [], 'nothing is written');
}

t.test('a good one, trimmed, with its provenance', async (t) => {
  const folder = join(t.testdir({}), 'golden');
  const boot = loads();
  const { path, steps } = await promotion(folder, await fileOf(boot), boot.image);
  t.equal(steps, 1);
  t.same(readdirSync(folder).sort(), ['small~boot.json', 'small~boot.lbtrace']);
  const golden = readFileSync(path);
  t.match(JSON.parse(readFileSync(join(folder, 'small~boot.json'), 'utf8')), {
    schema: 'loadbase.golden/1',
    trace: {
      sha256: createHash('sha256').update(golden).digest('hex'),
      ...{ sizeBytes: golden.length, steps: 1, memoryBytes: { read: 4, written: 0 } },
    },
    instance: 'small~boot',
    subject: { name: 'small', loadBase: '0x00001000' },
    tools: [{ name: 'qemu', version: '7.2.22' }],
    again: 'again small~boot',
  });
  t.equal(new TraceReader(golden).image(), undefined);
});

t.test('an embedded image', async (t) => {
  const boot = loads();
  await refused(t, await fileOf(boot, { embed: true }), boot.image, {
    name: 'PromotionRefusedError',
    message: /it has an image embedded, which is not ours to commit/,
  });
});

t.test('a divergence', async (t) => {
  const boot = loads();
  const lie = { ...boot, records: boot.records.slice(1) };
  await refused(t, await fileOf(lie), boot.image, {
    name: 'PromotionRefusedError',
    message: /it diverges at step 1: the model stopped: it reads 4 bytes at 0x00002010/,
  });
});

t.test('damage', async (t) => {
  const boot = loads();
  const file = await fileOf(boot);
  await refused(t, file.subarray(0, -1), boot.image, { name: 'TraceTruncatedError' });
  const flipped = Buffer.from(file);
  flipped[flipped.length - 1]! ^= 1;
  await refused(t, flipped, boot.image, { name: 'TraceChecksumError' });
});

t.test('too large', async (t) => {
  const folder = t.testdir({});
  const { image, ...boot } = loads();
  const options = { folder, store, imageFor: async () => image, commandFor: () => '' };
  await t.rejects(promote(await fileOf({ image, ...boot }), { ...options, maxBytes: 100 }), {
    name: 'PromotionRefusedError',
    message: /it has \d+ bytes, at most 100 are committed/,
  });
  t.same(readdirSync(folder), []);
});

t.test('an instance name that is a path', async (t) => {
  const boot = loads();
  await refused(t, await fileOf(boot, { instance: '../../etc/passwd' }), boot.image, {
    name: 'PromotionRefusedError',
    message: /"..\/..\/etc\/passwd" is no instance name/,
  });
});
