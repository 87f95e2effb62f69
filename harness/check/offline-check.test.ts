import t from 'tap';
import { holdsAt, visibilityOf } from './contract.ts';
import { hexBytes, LINKED, smallCheck } from './testdata/small-offline.ts';

const LOADED = 0x80_0000;
/** lea 0x201000(%esi),%eax; mov %eax,0x201004(%esi); hlt */
const SOUND = '8d86 00102000 8986 04102000 f4';

void t.test('code that keeps its base holds at every base', (t) => {
  const check = smallCheck({ code: SOUND });
  for (const base of [LINKED, 0x30_0000, LOADED, 0x8000_0000, 0xfff0_0000])
    t.match(check.at(base), { loadBase: base, ending: { kind: 'reached' }, asymmetryCount: 0, findings: [] });
  t.end();
});

void t.test('a forgotten base: silent, found by rule and by symmetry', (t) => {
  // lea; mov %eax,0x201004; hlt
  const result = smallCheck({ code: '8d86 00102000 8905 04102000 f4' }).at(LOADED);
  t.match(result.findings, [{ rule: 'link-time-write', instruction: { linear: BigInt(LOADED + 6) } }]);
  t.match(result.asymmetries, [{ place: /image\+0x1004/, here: 0n, instruction: BigInt(LINKED + 6) }]);
  t.notOk(holdsAt(result));
  t.equal(visibilityOf(result), 'silent');
  t.end();
});

void t.test('a result that is neither the same nor moved: its instruction', (t) => {
  // mov %esi,%eax; shr $4,%eax; mov %eax,0x201004(%esi); xor %eax,%eax; hlt
  const result = smallCheck({ code: '89f0 c1e804 8986 04102000 31c0 f4' }).at(LOADED);
  t.match(result, {
    findings: [],
    asymmetryCount: 1,
    asymmetries: [{ place: 'image+0x1004', reference: 0n, here: 0x6_0000n, instruction: BigInt(LINKED + 5) }],
  });
  t.end();
});

void t.test('where it ended otherwise, and where it grew asymmetric: the code that stands there', (t) => {
  // nop; 1: jmp 1b
  t.match(smallCheck({ code: '90 ebfe' }).at(LOADED).endedAt, {
    ...{ linear: BigInt(LOADED + 1), bitness: 32 },
    bytes: { 0: 0xeb, 1: 0xfe },
  });
  const check = smallCheck({ code: '8d86 00102000 8905 04102000 f4' });
  const { endedAt, asymmetries } = check.at(LOADED);
  t.equal(endedAt, undefined);
  t.match(asymmetries[0]?.code, { linear: BigInt(LINKED + 6), bitness: 32, bytes: { 0: 0x89, 1: 0x05 } });
  t.end();
});

void t.test('changes are judged against the image as it is', (t) => {
  const check = smallCheck({ code: SOUND });
  const changes = [{ offset: 6, bytes: hexBytes('8905') }];
  t.notOk(holdsAt(check.at(LOADED, changes)));
  t.ok(holdsAt(check.at(LOADED)));
  t.end();
});

void t.test('link-time addresses that it means to keep', (t) => {
  // mov $0x200000,%eax; mov %eax,0x201000(%esi); xor %eax,%eax; hlt
  const code = 'b8 00002000 8986 00102000 31c0 f4';
  t.notOk(holdsAt(smallCheck({ code }).at(LOADED)));
  t.ok(holdsAt(smallCheck({ code, knowledge: { keepsLinkTimeAddresses: true } }).at(LOADED)));
  t.end();
});

void t.test('end states: judged where it ended, known defects as notes', (t) => {
  const wrong = { ok: false, text: 'a word is wrong' };
  const check = (knownDefect: () => string | undefined) =>
    smallCheck({ code: SOUND, knowledge: { endState: () => [wrong], knownDefect } }).at(LOADED);
  t.notOk(holdsAt(check(() => undefined)));
  const known = check(() => 'mended in 4.20');
  t.ok(holdsAt(known));
  t.same(known.notes, ['mended in 4.20']);
  const endless = smallCheck({ code: 'ebfe', knowledge: { endState: () => [wrong] } }).at(LOADED);
  t.same(endless.endState, [], 'no end, no end state');
  t.end();
});

void t.test('an expected refusal', (t) => {
  const text = 'ERR: not here';
  const check = smallCheck({
    code: 'f4',
    knowledge: { endsByHalting: false, expectedEnding: () => ({ kind: 'said', text }) },
    around: { consoleText: () => `${text}\r\n` },
  });
  t.ok(holdsAt(check.at(LOADED)));
  const other = smallCheck({
    code: 'f4',
    knowledge: { endsByHalting: false, expectedEnding: () => ({ kind: 'said', text }) },
    around: { consoleText: () => 'ERR: another' },
  }).at(LOADED);
  t.notOk(holdsAt(other));
  t.equal(visibilityOf(other), 'shows');
  t.end();
});

void t.test('what never ends is left after less than the first run was given', (t) => {
  const { executed, ending } = smallCheck({ code: 'ebfe' }).at(LOADED);
  t.equal(ending.kind, 'endless');
  t.ok(executed <= 400_000);
  // cmp $0,%esi; 1: jne 1b; hlt: only where it was moved
  const moved = smallCheck({ code: '83fe00 75fe f4' });
  t.equal(moved.at(LINKED).ending.kind, 'reached');
  t.match(moved.at(LOADED), { ending: { kind: 'endless', loop: [{ linear: BigInt(LOADED + 3) }] } });
  t.end();
});
