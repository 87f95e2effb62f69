/** CLAIM: a free run takes from a trace what came from outside, in its order, and nothing else; it ends where the trace does. */
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { readField, writeField } from '../x86/state/state-layout.ts';
import { FreeRun, outsideOf } from './free-run.ts';
import { run, smallBoot, traceOfBoot, type SmallBoot, type SmallRecord } from './testdata/small-boot.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);

async function freeRun(boot: SmallBoot) {
  const trace = await traceOfBoot(boot);
  const outside = outsideOf(trace);
  const free = new FreeRun(trace, outside, boot.image, store);
  return { outside, end: free.run(), field: (name: string) => readField(free.cpu.state(), name), free };
}

const told = (record: SmallRecord, rax: bigint): SmallRecord => {
  if (!('words' in record)) throw new Error('it has no state');
  const words = record.words.slice();
  writeField(words, 'rax', rax);
  return { ...record, words };
};

t.test('inputs in their order, memory, and an end', async (t) => {
  // rdtsc; mov %eax,%ebx; rdtsc; mov 0x2000,%ecx; jmp to hlt: an end is looked for where control goes
  const boot = smallBoot(disassembler, '0f31 89c3 0f31 8b0d00200000 eb00 f4');
  const [first, second, third, ...rest] = boot.records as [SmallRecord, SmallRecord, SmallRecord];
  const records: SmallRecord[] = [
    told(first, 0x11n),
    second,
    told(third, 0x22n),
    { kind: 'memory', runs: [run(0x2000, '44000000')], cause: 'read' },
    ...rest,
  ];
  const { end, field, outside } = await freeRun({ ...boot, records });
  t.same(end, { executed: 5 });
  t.same([field('rbx'), field('rax'), field('rcx')], [0x11n, 0x22n, 0x44n]);
  t.match(outside, { steps: 5, inputs: { length: 2 }, excursions: [] });
});

t.test('excursions: state and memory that they left', async (t) => {
  // call 0x5000; mov 0x1180,%al; jmp to hlt
  const boot: SmallBoot = {
    ...smallBoot(disassembler, 'f4'),
    image: Buffer.from('e8fb3f0000a080110000eb00f4', 'hex'),
  };
  const after = boot.initial.slice();
  writeField(after, 'rip', 0x1005n);
  const [moved, last] = [after.slice(), after.slice()];
  writeField(moved, 'rip', 0x100an);
  writeField(last, 'rip', 0x100cn);
  const records: SmallRecord[] = [
    { kind: 'excursion', words: after, changed: [run(0x1180, '7f')] },
    { kind: 'step', words: moved },
    { kind: 'step', words: last },
  ];
  const { end, field } = await freeRun({ ...boot, records });
  t.same(end, { executed: 3 });
  t.equal(field('rax'), 0x7fn);
});

t.test('a run that goes another way than the recording stops, and says why', async (t) => {
  const boot = smallBoot(disassembler, '90 90 f4');
  const halted = await freeRun({ ...boot, image: Buffer.from('90f4', 'hex') });
  t.same(halted.end, { executed: 1, stopped: { kind: 'halted' } });
  const endless = await freeRun({ ...boot, image: Buffer.from('ebfe', 'hex') });
  t.match(endless.end, { stopped: { kind: 'limit' } });
});
