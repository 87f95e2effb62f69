/**
 * CLAIM: the stretch of a recorded boot that two models are measured on is the same code for both, ends the same in both, and
 * where Unicorn is not installed there is a reason instead of a figure.
 */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { code, run, smallBoot, traceOfBoot } from '../../harness/replay/testdata/small-boot.ts';
import { Sanitizer } from '../../harness/sanitizer/sanitizer.ts';
import type { MemoryRange } from '../../harness/sanitizer/territory.ts';
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { readField, writeField } from '../../harness/x86/state/state-layout.ts';
import { SanitizedModel } from './sanitized-model.ts';
import { modelRateAlone, requireAgreement } from './sanitizer-rate.ts';
import { bareExecutor, modelRate } from './stretch-model.ts';
import { unicornRate } from './unicorn-rate.ts';
import { encodeStretch } from './unicorn/stretch-file.ts';
import { longestStretch, type Stretch } from './unicorn/stretch.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);
const RUNS = { warmUp: 1, measured: 2 };

async function stretchOf(
  text: string,
  spoil: (boot: ReturnType<typeof smallBoot>) => void = () => undefined,
) {
  const boot = smallBoot(disassembler, text);
  spoil(boot);
  return longestStretch(await traceOfBoot(boot), boot.image, store);
}

// mov $0x2100,%edi; mov $3,%ecx; rep stosl; rdtsc; rdtsc; push %eax; hlt: what it writes was known
const WRITER = 'bf00210000 b903000000 f3ab 0f31 0f31 50 f4';
const writer = () =>
  stretchOf(WRITER, ({ records }) =>
    records.unshift({ kind: 'memory', runs: [run(0x2100, '00'.repeat(16))], cause: 'read' }),
  );

t.test('the file: words of 32 bits, then regions', async (t) => {
  const stretch = await stretchOf('0f31 90 f4');
  const bytes = Buffer.from(encodeStretch(stretch, { warmUp: 5, measured: 7 }));
  const words = Array.from({ length: 40 }, (_, index) => bytes.readUInt32LE(4 * index));
  t.equal(bytes.subarray(0, 4).toString('latin1'), 'LBS1');
  t.same(words.slice(1, 3), [5, 7], 'runs');
  t.same(words.slice(3, 11), [0, 0, 0, 0, 0x3000, 0, 0, 0], 'EAX ECX EDX EBX ESP EBP ESI EDI');
  t.same(words.slice(11, 15), [0x1000, 2, 0, 0], 'EIP, EFLAGS, GDTR');
  const data = [16, 0xcf9300];
  t.same(words.slice(15, 27), [...data, 8, 0xcf9b00, ...data, ...data, ...data, ...data], 'segments');
  t.same(words.slice(27, 30), [0x1003, 0x1000, 0x1200], 'the end; where the image was linked');
  t.same(words.slice(30, 32), [1, 1], 'inputs, regions');
  t.same(words.slice(32, 38), [0x1000, 0, 0, 0, 0, 0x1002], 'the input');
  t.same(words.slice(38), [0x1000, 4096], 'the region');
  t.same(bytes.subarray(160, 164), code('0f3190f4'));
  t.equal(bytes.length, 160 + 4096);
  t.throws(() => encodeStretch(stretch, { warmUp: 1, measured: 0 }), { name: 'RangeError' });
});

t.test('a segment that is not flat is refused', async (t) => {
  const stretch = await stretchOf('90 90 f4');
  writeField(stretch.initial, 'fs.base', 0x10n);
  t.throws(() => encodeStretch(stretch, RUNS), { name: 'StretchError', message: /fs is not flat/ });
});

t.test('the longest stretch: between excursions, up to another mode', async (t) => {
  // call 0x5000 (as it was executed: five times nop); mov $0x1180,%ebx; mov (%ebx),%al; nop; nop; mov %cr0,%eax;
  // or $0x20,%eax; mov %eax,%cr0; hlt
  const boot = smallBoot(disassembler, '9090909090 bb80110000 8a03 9090 0f20c0 83c820 0f22c0 90 f4');
  const back = boot.records[4];
  if (!back || !('words' in back)) throw new Error('it has no state');
  const excursion = { kind: 'excursion' as const, words: back.words, changed: [run(0x1180, '7f')] };
  const image = Buffer.concat([code('e8fb3f0000'), boot.image.subarray(5)]);
  const records = [excursion, ...boot.records.slice(5)];
  const stretch = longestStretch(await traceOfBoot({ ...boot, image, records }), image, store);
  t.equal(stretch.stepsBefore, 1);
  t.equal(stretch.instructions, 6, 'not the excursion, not the change of CR0');
  t.equal(readField(stretch.final, 'rip'), 0x1014n);
  t.equal(stretch.memory[0]?.bytes[0x180], 0x7f, 'memory as it is where the stretch begins');
  await t.rejects(stretchOf('f4'), { name: 'StretchError', message: /no step in flat 32-bit mode/ });
});

t.test('repeated string instructions count once, and with their iterations', async (t) => {
  t.match(await writer(), { instructions: 6, iterations: 8, inputs: { length: 2 } });
});

t.test('our model runs it again and again, and tells before and after each run', async (t) => {
  let [begun, ended] = [0, 0];
  const looked = { begin: () => void begun++, end: () => void ended++ };
  const rate = modelRate(await writer(), RUNS, { ...bareExecutor(store), ...looked });
  t.match(rate, { instructions: 6, end: { eip: 0x1011 } });
  t.ok(rate.seconds > 0);
  t.same([begun, ended], [3, 3]);
  t.same(
    (await modelRateAlone({ code: await writer(), runs: RUNS })).end,
    rate.end,
    'in a process of its own',
  );
});

t.test('a model that goes another way, or ends otherwise, is no measurement', async (t) => {
  const stretch = await writer();
  const shorter: Stretch = { ...stretch, instructions: 3 };
  const wrong = { name: 'StretchError', message: /of 3 instructions ended after 6/ };
  t.throws(() => modelRate(shorter, RUNS, bareExecutor(store)), wrong);
  const final = stretch.final.slice();
  writeField(final, 'rbx', 1n);
  const other = { message: /another than the recorded one/ };
  t.throws(() => modelRate({ ...stretch, final }, RUNS, bareExecutor(store)), other);
  await t.rejects(modelRateAlone({ code: { ...stretch, final }, runs: RUNS }), other);
  const { end } = modelRate(stretch, RUNS, bareExecutor(store));
  t.doesNotThrow(() => requireAgreement('it', { ...end }, end));
  const disagreement = { name: 'DisagreementError', message: /^it ends the stretch as .*"crc32":1\}/ };
  t.throws(() => requireAgreement('it', { ...end, crc32: 1 }, end), disagreement);
});

t.test(
  'under rules: one that is broken is no measurement, and without a broken one it ends the same',
  async (t) => {
    const underRules = (linkTime: MemoryRange, isData = false) =>
      new SanitizedModel(
        disassembler,
        (cpu) => {
          const loaded = { start: 0x1000, end: 0x4000 };
          return new Sanitizer(cpu, { linkTime, loaded, owned: () => undefined }, () => isData);
        },
        () => true,
      );
    const stretch = await writer();
    const elsewhere = underRules({ start: 0x10_0000, end: 0x10_3000 });
    t.same(modelRate(stretch, RUNS, elsewhere).end, modelRate(stretch, RUNS, bareExecutor(store)).end);
    t.equal(elsewhere.stops, 0);
    // mov $0x100010,%eax; push %eax; hlt
    const pusher = await stretchOf('b810001000 50 f4', ({ records }) =>
      records.unshift({ kind: 'memory', runs: [run(0x2ffc, '00000000')], cause: 'read' }),
    );
    const told = { name: 'FindingError', message: /link-time-pointer at 0x1005:/ };
    t.throws(() => modelRate(pusher, RUNS, underRules({ start: 0x10_0000, end: 0x10_3000 })), told);
    const data = underRules({ start: 0x10_0000, end: 0x10_3000 }, true);
    t.equal(modelRate(pusher, RUNS, data).instructions, pusher.instructions);
    t.equal(data.stops, 1, 'asked, and known to be no address');
  },
);

t.test('no Unicorn, no compiler: a reason; a program that does not compile: an error', async (t) => {
  const stretch = await stretchOf('90 90 f4');
  const rate = (pkgConfig: string, compiler: string) => unicornRate(stretch, RUNS, { pkgConfig, compiler });
  const missing = {
    kind: 'unavailable',
    reason: /\(no program no-such-program\); apt-get install libunicorn-dev/,
  };
  t.match(await rate('no-such-program', 'cc'), missing);
  t.match(await rate('false', 'cc'), { kind: 'unavailable', reason: /libunicorn-dev/ });
  t.match(await rate('true', 'no-such-program'), { kind: 'unavailable', reason: /no C compiler/ });
  await t.rejects(rate('true', 'false'), { name: 'UnicornError', message: /does not compile/ });
});

const hasUnicorn = spawnSync('pkg-config', ['--exists', 'unicorn']).status === 0;

t.test('Unicorn ends as our model does', { skip: hasUnicorn ? false : 'no libunicorn-dev' }, async (t) => {
  const stretch = await writer();
  const { end } = modelRate(stretch, RUNS, bareExecutor(store));
  const rate = await unicornRate(stretch, RUNS);
  if (rate.kind !== 'measured') throw new Error(rate.reason);
  t.same(rate.hooked.end, end);
  t.same(rate.bare.end, end);
  t.match(rate.hooked, { accesses: 4, watched: rate.hooked.instructions });
  const inputs = stretch.inputs.map((input) => ({ ...input, at: 0x1001 }));
  await t.rejects(unicornRate({ ...stretch, inputs }, RUNS), { name: 'UnicornError' });
});
