/** CLAIM: boot information that `__start_xen` could not read, or that has other texts than the loader gave, is named, and vital. */
import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { type BaseResult, visibilityOf } from './contract.ts';
import { handedOver } from './xen-handed-over.ts';

const [GIVEN, HANDED] = [0x10_0018, 0x9_dfb0];
const [COMMAND_LINE, LOADER] = [0x9_df80, 0x9_df60];
const [TEXT, NAME] = ['console=com1 café', 'GRUB 2.06'];
const words = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const text = (value: string) => Buffer.from(`${value}\0`);

/** Multiboot2 §3.6: size, reserved, then tags on multiples of 8. */
function given(...tags: readonly (readonly [type: number, text: string])[]): Uint8Array {
  const pieces = tags.map(([type, value]) => {
    const bytes = text(value);
    const padded = Buffer.alloc(8 * Math.ceil((8 + bytes.length) / 8));
    padded.set(words(type, 8 + bytes.length));
    padded.set(bytes, 8);
    return padded;
  });
  const tail = Buffer.concat([...pieces, words(0, 8)]);
  return Buffer.concat([words(8 + tail.length, 0), tail]);
}

function end() {
  const memory = new PhysicalMemory('zero');
  memory.load(GIVEN, given([1, TEXT], [2, NAME]));
  const structure = Buffer.alloc(116);
  structure.writeUInt32LE((1 << 2) | (1 << 9), 0);
  structure.writeUInt32LE(COMMAND_LINE, 16);
  structure.writeUInt32LE(LOADER, 64);
  memory.load(HANDED, structure);
  memory.load(COMMAND_LINE, text(TEXT));
  memory.load(LOADER, text(NAME));
  const [initial, state] = [new Int32Array(STATE_WORDS), new Int32Array(STATE_WORDS)];
  writeField(initial, 'rbx', BigInt(GIVEN));
  writeField(state, 'rdi', BigInt(HANDED));
  return { memory, initial, words: state };
}

const seen = (spoil: (made: ReturnType<typeof end>) => void = () => undefined) => {
  const made = end();
  spoil(made);
  return handedOver(made, made.initial);
};

t.test('as the loader gave it', async (t) => {
  t.match(seen(), { ok: true, isVital: true, text: /at 0x0*9dfb0, its texts as the loader gave them$/ });
  const none = seen(({ memory }) => memory.load(GIVEN, given([2, NAME])));
  t.ok(none.ok, 'what was not given need not be there');
});

const spoilt: readonly (readonly [
  what: string,
  spoil: (made: ReturnType<typeof end>) => void,
  text: RegExp,
])[] = [
  ['forgotten', ({ words }) => writeField(words, 'rdi', 0n), /at 0x0+, not below 640 KiB/],
  ['in ROM', ({ words }) => writeField(words, 'rdi', 0xffff_ffb0n), /at 0xffffffb0, not below 640 KiB/],
  ['no command line', ({ memory }) => memory.load(HANDED, words(1 << 9)), /another command line than/],
  ['its text in ROM', ({ memory }) => memory.load(HANDED + 16, words(0xffff_ff80)), /another command line/],
  [
    'its text cut',
    ({ memory }) => memory.load(COMMAND_LINE + 4, text('')),
    /another command line than “conso/,
  ],
  [
    'the loader’s name',
    ({ memory }) => memory.load(LOADER, text('GRUB 3')),
    /another boot loader name than “GRUB 2/,
  ],
  [
    'what was given',
    ({ memory }) => memory.load(GIVEN + 12, words(3)),
    /^what the loader gave at 0x00100018 is/,
  ],
];
for (const [what, spoil, message] of spoilt)
  t.test(what, async (t) => {
    t.match(seen(spoil), { ok: false, isVital: true, text: message });
  });

t.test('a console shows what comes after early boot cannot begin without', async (t) => {
  const result = (ok: boolean, isVital?: boolean) =>
    ({
      endsAsExpected: true,
      endState: [{ ok, text: '', ...(isVital === undefined ? {} : { isVital }) }],
    }) as unknown as BaseResult;
  t.equal(visibilityOf(result(true, true)), 'silent');
  t.equal(visibilityOf(result(false)), 'silent');
  t.equal(visibilityOf(result(false, true)), 'shows');
});
