import t from 'tap';
import { recorded, sealed } from '../probe/testdata/recorded.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { ProbeKnowledge } from './probe-knowledge.ts';

const lines = recorded('bios').filter((line) => line !== '');
const RUN = 0x10_0000;
const probe = new ProbeKnowledge({ linkBase: 0x20_0000, loadSize: 0x1_1449 }, undefined);
const cpu = new Cpu(new PhysicalMemory('zero'));

function wrongOf(
  consoleText: string,
  { loadBase = RUN, ...registers }: Record<string, number> = {},
): string[] {
  const initial = flatState(32);
  const given = { rax: 0x36d7_6289, rbx: 0x11_1bd0, rsp: 0x7_ff00, ...registers };
  for (const [name, value] of Object.entries(given)) writeField(initial, name, BigInt(value));
  return probe
    .endState({ cpu, entry: 'bios', loadBase, initial, consoleText })
    .filter(({ ok }) => !ok)
    .map(({ text }) => text);
}

void t.test('a real record', (t) => {
  t.same(wrongOf(lines.join('\r\n')), []);
  t.end();
});

void t.test('another base, another register, nothing, a cut and a damaged record', (t) => {
  const text = lines.join('\n');
  t.match(wrongOf(text, { loadBase: 0x20_0000 }), [/base that it found.*0x100000.*0x200000/]);
  t.match(wrongOf(text, { rbx: 1 }), [/other registers than the loader left: rbx$/]);
  t.match(wrongOf(''), [/not to be believed \(absent\)/]);
  t.match(wrongOf(lines.slice(0, -1).join('\n')), [/not to be believed \(cut\)/]);
  t.match(wrongOf(text.replace('cx=00000000', 'cx=00000001')), [/not to be believed \(checksum\)/]);
  const other = sealed(lines.slice(0, -1).map((line) => line.replace('link=00200000', 'link=00300000')));
  t.match(wrongOf(other.join('\n')), [/linked at.*0x300000.*0x200000/]);
  t.end();
});

void t.test('it halts, whatever the base, and keeps to itself but for a borrowed word', (t) => {
  t.same(probe.expectedEnding(), { kind: 'reached' });
  t.ok(probe.endsByHalting);
  const initial = flatState(32);
  writeField(initial, 'rbx', 0x11_1bd0n);
  t.same(probe.owned(cpu, RUN, 'bios', 0x11_1bd4, initial), { start: 0x11_1bd4, end: 0x11_1bd8 });
  for (const [entry, at] of [
    ['efi', 0x11_1bd4],
    ['bios', 0x11_1bd3],
    ['bios', 0x11_1bd8],
  ] as const)
    t.equal(probe.owned(cpu, RUN, entry, at, initial), undefined, at.toString(16));
  t.end();
});

void t.test('to see whether A20 is on it looks a MiB away, also in the upper half', (t) => {
  t.ok(probe.looksAt(0x8010_0010, 0x8000_0000));
  t.notOk(probe.looksAt(0x8000_0010, 0x8000_0000));
  t.notOk(probe.looksAt(0x8020_0010, 0x8000_0000));
  t.end();
});
