import t from 'tap';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { UnansweredError } from '../profile/machine-inputs.ts';
import { smallProfile } from '../profile/testdata/small-profile.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { HARDWARE, TCG } from '../x86/execute/habits.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField } from '../x86/state/state-layout.ts';
import { MachineSurroundings } from './machine-surroundings.ts';

const kernel = parseBootImage(image(header([RELOCATABLE])));
const BASE = 0x3e0_0000;

void t.test('the entry state of its profile', (t) => {
  const around = new MachineSurroundings(smallProfile(), kernel);
  t.equal(around.entry, 'bios');
  const { words, memory } = around.entryState(BASE);
  t.equal(readField(words, 'rip'), BigInt(kernel.loaded.entry - kernel.loaded.linkBase + BASE));
  t.ok(
    memory.some(({ address }) => address === 0x2000),
    'boot information',
  );
  t.end();
});

void t.test('a CPU has the habits of its accelerator', (t) => {
  t.equal(new MachineSurroundings(smallProfile(), kernel).habits, TCG);
  t.equal(new MachineSurroundings(smallProfile({ accelerator: 'kvm' }), kernel).habits, HARDWARE);
  t.end();
});

void t.test('what is said on the console, since the last reset', (t) => {
  const around = new MachineSurroundings(smallProfile(), kernel);
  for (const character of 'ERR') around.inputs.writePort(0x3f8, 1, character.charCodeAt(0));
  t.equal(around.consoleText(), 'ERR');
  around.reset(BASE);
  t.equal(around.consoleText(), '');
  t.end();
});

void t.test('what nobody recorded is told in words; other errors are ours', (t) => {
  const around = new MachineSurroundings(smallProfile(), kernel);
  let thrown: unknown;
  try {
    around.inputs.cpuid(0x99, 0, new Int32Array(4));
  } catch (error) {
    thrown = error;
  }
  t.type(thrown, UnansweredError);
  t.match(around.unanswered(thrown), /0x99/);
  t.equal(around.unanswered(new Error('of ours')), undefined);
  const cpu = new Cpu(new PhysicalMemory('zero'), around.inputs, around.habits);
  cpu.load(around.entryState(BASE).words);
  around.reset(BASE);
  t.type(around.answer(cpu), 'string', 'a question that no capture has');
  t.end();
});

void t.test('its own memory is left alone', (t) => {
  const around = new MachineSurroundings(smallProfile(), kernel);
  t.notOk(around.leavesPlace(0x10_0000, 0x1000));
  t.notOk(around.leavesPlace(0x0f_f000, 0x1001));
  t.ok(around.leavesPlace(0x10_1000, 0x1000));
  t.end();
});
