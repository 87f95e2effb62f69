import t, { type Test } from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { observeConsole, XEN_LINES } from './console.ts';
import { ARGUMENTS, GoodBoot, LOADER_NAME } from './testdata/good-boot.ts';
import { smallXen } from './testdata/small-xen.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();
const { subject } = new GoodBoot(xen, disassembler);
const unmoved = { ...subject, loadBase: 0x200000, physicalStart: 0 };

const END = '(XEN) dom0 kernel not specified. Check bootloader configuration';
const GOOD = [
  '(XEN) Xen version 4.17.6-pre (loadbase@1a2b3c4d) (gcc (Debian 12.2.0-14) 12.2.0) debug=n 2020-01-01',
  `(XEN) Bootloader: ${LOADER_NAME}`,
  `(XEN) Command line: ${ARGUMENTS}`,
  '(XEN) Xen image load base address: 0x3c00000',
  '(XEN) ****************************************',
  '(XEN) Panic on CPU 0:',
  END,
];

function breaks(t: Test, what: string, lines: readonly string[], text: string, seenBy = subject): void {
  const wrong = observeConsole(lines, seenBy).filter(({ ok }) => !ok);
  t.strictSame(
    wrong.map((observation) => observation.text),
    [text],
    what,
  );
}
const instead = (pattern: RegExp, ...lines: string[]) =>
  GOOD.flatMap((line) => (pattern.test(line) ? lines : [line]));

t.test('a console that agrees', async (t) => {
  const wrong = (lines: readonly string[], by = subject) => observeConsole(lines, by).filter(({ ok }) => !ok);
  t.strictSame(wrong(GOOD), []);
  t.strictSame(wrong(instead(/load base/), unmoved), [], 'at the link base Xen prints no base');
});

t.test('each of its figures can disagree', async (t) => {
  const figure = 'Xen image load base address (xen_phys_start)';
  breaks(
    t,
    'another base',
    instead(/load base/, '(XEN) Xen image load base address: 0x1fa00000'),
    `${figure} is 0x1fa00000, not 0x3c00000`,
  );
  breaks(
    t,
    'no base',
    instead(/load base/),
    'no “Xen image load base address” line, which must say 0x03c00000',
  );
  breaks(t, 'a base though it was not moved', GOOD, `${figure} is 0x3c00000, not 0x0`, unmoved);
  breaks(t, 'no version', instead(/Xen version/), 'no “Xen version” line');
  breaks(
    t,
    'another loader',
    instead(/Bootloader/, '(XEN) Bootloader: GRUB 2.06-13'),
    `boot loader is “GRUB 2.06-13”, not “${LOADER_NAME}”`,
  );
  breaks(
    t,
    'command line cut',
    instead(/Command line/, '(XEN) Command line: console=com1'),
    `command line is “console=com1”, not “${ARGUMENTS}”`,
  );
  breaks(t, 'no command line', instead(/Command line/), `command line is absent, not “${ARGUMENTS}”`);
});

t.test('the end is said exactly once', async (t) => {
  const text = (count: number) => `the expected end “dom0 kernel not specified” was seen ${count} times`;
  breaks(t, 'twice', [...GOOD, END], text(2));
  breaks(t, 'never', instead(/dom0/), text(0));
});

t.test('the build id is that of the image, where it has one', async (t) => {
  const linked = { ...subject, image: { ...subject.image, elf: elfWithBuildId('c0ffee') } };
  const said = instead(/Command line/, `(XEN) Command line: ${ARGUMENTS}`, '(XEN) build-id: c0ffee');
  t.strictSame(
    observeConsole(said, linked).filter(({ ok }) => !ok),
    [],
  );
  breaks(t, 'absent', GOOD, 'build id is absent, not “c0ffee”', linked);
  const other = instead(/Command line/, `(XEN) Command line: ${ARGUMENTS}`, '(XEN) build-id: bad1d');
  breaks(t, 'another', other, 'build id is “bad1d”, not “c0ffee”', linked);
});

/** The image's ELF with one PT_NOTE segment: name GNU, type 3 (System V ABI, "Note Section"). */
function elfWithBuildId(id: string) {
  const descriptor = Buffer.from(id, 'hex');
  const note = Buffer.concat([
    Buffer.from(Uint32Array.of(4, descriptor.length, 3).buffer),
    Buffer.from('GNU\0'),
    descriptor,
    Buffer.alloc((4 - (descriptor.length % 4)) % 4),
  ]);
  const { elf } = subject.image;
  if (!elf) throw new Error('the miniature is an ELF file');
  const [model] = elf.segments;
  if (!model) throw new Error('the miniature has no segment');
  const segment = { ...model, type: 4, offset: 0, filesz: note.length, memsz: note.length };
  return { ...elf, bytes: note, segments: [segment] };
}

t.test('lines that end a boot', async (t) => {
  t.match('ERR: Xen must be loaded at a 2Mb boundary!', XEN_LINES.earlyError);
  t.match('(XEN) Panic on CPU 0:', XEN_LINES.panic);
  t.match(END, XEN_LINES.noDom0);
  for (const fault of [
    '(XEN) FATAL TRAP: vector = 6 (invalid opcode)',
    '(XEN) FATAL PAGE FAULT',
    '(XEN) Early fatal page fault at e008:ffff82d040417190',
    '(XEN) *** DOUBLE FAULT ***',
  ])
    t.match(fault, XEN_LINES.fault);
  t.notMatch('(XEN) Xen version 4.17', XEN_LINES.fault);
});
