import t from 'tap';
import type { BootEnd } from '../boot/boot-end.ts';
import type { BootRecord } from '../boot/boot-record.ts';
import type { Expectation } from './contract.ts';
import { judge, type JudgedRecord } from './judge.ts';

const ok = [{ ok: true, text: 'as it should be' }];
const expectedEnd: BootEnd = { kind: 'subject', meaning: 'expected', text: 'dom0 kernel not specified' };
const loader = { choice: 'x', memoryMap: [], loadBase: 0x3e00000, relocatable: true, errors: [] };

const goodRecord: BootRecord = {
  end: expectedEnd,
  loader,
  checkpoints: [{ name: 'entry', address: 0x3e00000n, observations: ok }],
  missed: [],
  subjectLines: [],
};
const good: JudgedRecord = {
  record: goodRecord,
  expectation: { kind: 'boots', base: 0x3e00000 },
  loadBase: 0x3e00000,
  own: { name: 'console', observations: ok },
  placement: [],
  refusalNow: undefined,
};
const NOTHING = { name: 'console', observations: [] };
/** The good record with something broken. */
const broken = (record: Partial<BootRecord>, rest: Partial<JudgedRecord> = {}) =>
  judge({ ...good, ...rest, record: { ...goodRecord, ...record } });

t.test('a boot in which all witnesses agree passes and says where it was', async (t) => {
  const { verdict, reason, checkpoints } = judge(good);
  t.equal(verdict, 'pass');
  t.match(reason, /booted at 0x03e00000; 3 witnesses agree/);
  t.strictSame(
    checkpoints.map(({ name }) => name),
    ['loader', 'entry', 'console'],
  );
});

t.test('each witness can make it fail, and is named', async (t) => {
  const wrong = [{ ok: false, text: '%esi is 0x0, not 0x3c00000' }];
  t.match(broken({ checkpoints: [{ name: 'base computed', address: 0n, observations: wrong }] }), {
    verdict: 'fail',
    reason: 'base computed: %esi is 0x0, not 0x3c00000',
  });
  t.match(broken({}, { own: { name: 'console', observations: wrong } }), {
    verdict: 'fail',
    reason: /^console: /,
  });
  t.match(broken({}, { placement: wrong }), { verdict: 'fail', reason: /^placement: / });
  t.match(broken({ loader: { ...loader, loadBase: 0x200000 } }), {
    verdict: 'fail',
    reason: /^loader: GRUB loaded the image at 0x00200000, not at 0x03e00000/,
  });
  t.match(broken({ missed: ['long mode'] }), { verdict: 'fail', reason: /never passed: long mode/ });
});

t.test('a checkpoint at which nothing could be observed proves nothing', async (t) => {
  t.match(broken({ checkpoints: [{ name: 'entry', address: 0n, observations: [] }] }), {
    verdict: 'fail',
    reason: /nothing could be observed/,
  });
});

t.test('ends without an end state are crashes, and name the last checkpoint', async (t) => {
  t.match(broken({ end: { kind: 'machine', end: { kind: 'reset' } }, missed: ['long mode'] }), {
    verdict: 'crash',
    reason: 'the guest reset or triple-faulted after checkpoint “entry”, before “long mode”',
  });
  t.match(
    broken({
      end: { kind: 'timeout', awaited: 'no dom0', lastSeen: '(XEN) x', phase: 'subject' },
      checkpoints: [],
    }),
    {
      verdict: 'crash',
      reason: /no end was seen; time was up while it waited for no dom0.*last console line: \(XEN\) x/,
    },
  );
});

t.test('a death that was looked into is named', async (t) => {
  const end: BootEnd = { kind: 'machine', end: { kind: 'reset' } };
  const context = { lastLandmark: 'loaded', phase: 'subject', cpu: undefined } as const;
  const death = { kind: 'triple-fault', ...context, pc: 0x3e00123n, place: 'start+0x4' } as const;
  t.match(broken({ end }, { death }), {
    verdict: 'crash',
    reason: 'triple fault at 0x03e00123 (start+0x4) after checkpoint “entry”',
  });
  const said: BootEnd = { kind: 'subject', meaning: 'panic', text: 'ouch' };
  const panic = { ...death, kind: 'panic', text: 'ouch' } as const;
  t.match(broken({ end: said }, { death: panic }), {
    verdict: 'fail',
    reason: /^the subject said “ouch” after/,
  });
});

t.test('a guest that floods its console is a crash, not a broken host', async (t) => {
  const detail = 'the guest flooded its serial console (8388608 bytes)';
  t.match(broken({ end: { kind: 'console', state: 'flooded', detail } }), {
    verdict: 'crash',
    reason: `${detail} after checkpoint “entry”`,
  });
});

t.test('what the subject or the loader says instead is a failure', async (t) => {
  const early: BootEnd = { kind: 'subject', meaning: 'early-error', text: 'ERR: Not a 64-bit CPU!' };
  t.match(broken({ end: early }), { verdict: 'fail', reason: /said “ERR: Not a 64-bit CPU!”/ });
  t.match(broken({ end: { kind: 'loader', detail: 'GRUB is at its prompt' } }), {
    verdict: 'fail',
    reason: /prompt/,
  });
  t.match(broken({ end: { kind: 'refused', errors: ['no memory'] } }), {
    verdict: 'fail',
    reason: /GRUB refused: no memory/,
  });
});

t.test('host and harness faults are errors, never the subject’s', async (t) => {
  const exit = { kind: 'signal', signal: 'SIGKILL' } as const;
  t.match(broken({ end: { kind: 'machine', end: { kind: 'qemu-exit', exit, stderr: 'out of memory' } } }), {
    verdict: 'error',
    reason: /QEMU ended by itself: out of memory/,
  });
  t.match(broken({ end: { kind: 'machine', end: { kind: 'qemu-exit', exit, stderr: '' } } }), {
    verdict: 'error',
    reason: 'QEMU ended by itself (SIGKILL)',
  });
  t.match(broken({ end: { kind: 'console', state: 'closed', detail: 'the serial console closed' } }), {
    verdict: 'error',
    reason: /QEMU closed the serial port/,
  });
  t.match(
    broken({ end: { kind: 'machine', end: { kind: 'internal-error', detail: 'KVM internal error' } } }),
    {
      verdict: 'error',
      reason: /KVM internal error/,
    },
  );
});

t.test('a predicted refusal must happen, for the predicted reason', async (t) => {
  const expectation: Expectation = { kind: 'refused', base: 0x1000000, reason: 'the firmware keeps it' };
  const refused: BootEnd = { kind: 'refused', errors: ["couldn't find suitable memory target"] };
  const rest = { expectation, refusalNow: 'the firmware keeps it', own: NOTHING };
  t.match(broken({ end: refused, checkpoints: [] }, rest), {
    verdict: 'pass',
    reason: /^refused as predicted/,
  });
  t.match(broken({}, rest), { verdict: 'fail', reason: /should have refused/ });
  t.match(broken({ end: refused }, { ...rest, refusalNow: undefined }), {
    verdict: 'error',
    reason: /gives no reason/,
  });
  t.match(broken({ end: { kind: 'refused', errors: [] } }, rest), {
    verdict: 'fail',
    reason: /without saying why/,
  });
  t.match(broken({ end: { kind: 'machine', end: { kind: 'reset' } } }, rest), { verdict: 'crash' });
});

t.test('an early error must be the exact text, once', async (t) => {
  const text = 'ERR: Xen must be loaded at a 2Mb boundary!';
  const expectation: Expectation = { kind: 'early-error', base: 0x3e00000, text };
  const end: BootEnd = { kind: 'subject', meaning: 'early-error', text };
  const rest = { expectation, own: NOTHING };
  t.match(broken({ end, subjectLines: [text] }, rest), { verdict: 'pass', reason: /said exactly/ });
  t.match(broken({ end, subjectLines: [text, text] }, rest), { verdict: 'fail' });
  t.match(broken({ end, subjectLines: ['ERR: Xen must be loaded at a 2M!'] }, rest), { verdict: 'fail' });
  t.match(broken({ end: expectedEnd, subjectLines: [] }, rest), { verdict: 'fail' });
  const later = ['base computed', 'long mode'];
  t.match(broken({ end, subjectLines: [text], missed: later }, rest), { verdict: 'pass' });
  t.match(broken({ end, subjectLines: [text], missed: ['entry', ...later] }, rest), {
    verdict: 'fail',
    reason: 'it ended as expected, but never passed: entry',
  });
});

t.test('the negative control passes only where the image is at its link base', async (t) => {
  const expectation: Expectation = { kind: 'not-relocated', base: 0x3e00000, linkBase: 0x200000 };
  const atLinkBase = { ...loader, loadBase: 0x200000 };
  t.match(broken({ loader: atLinkBase }, { expectation, loadBase: 0x200000 }), {
    verdict: 'pass',
    reason: /^control: forced to 0x03e00000/,
  });
  t.match(broken({}, { expectation }), {
    verdict: 'fail',
    reason: /loaded the image at 0x03e00000, not at 0x00200000/,
  });
  t.match(broken({ loader: atLinkBase, missed: ['long mode'] }, { expectation, loadBase: 0x200000 }), {
    verdict: 'fail',
    reason: /never passed: long mode/,
  });
  // And the other way round: where a boot at the forced base was expected, the control's behaviour is a failure.
  t.match(broken({ loader: atLinkBase }, { loadBase: 0x200000 }), {
    verdict: 'fail',
    reason: /at 0x00200000, not at 0x03e00000/,
  });
});

t.test('a defect that the version is known to have is told, and nothing else is let through', async (t) => {
  const known = {
    ...({
      of: 'Xen',
      fix: 'e58a2858d5',
      mendedIn: '4.20',
      witness: 'first page',
      version: '4.17.6-pre',
    } as const),
    text: /^0xffc is 0x[0-9a-f]+, not 0xa5a5a5a5$/,
  };
  const saying = (text: string, name = 'first page') => ({
    checkpoints: [{ name, address: 0n, observations: [{ ok: false, text }] }],
  });
  const defect = saying('0xffc is 0x3ffb63e, not 0xa5a5a5a5');
  const told = broken(defect, { known });
  t.match(told, {
    verdict: 'pass',
    reason: /known defect of Xen 4\.17\.6-pre, mended in 4\.20 \(e58a2858d5\)/,
  });
  t.match(told.checkpoints.at(1), {
    name: 'first page',
    ok: true,
    detail: /^known defect .*0xffc is 0x3ffb63e/,
  });
  const fails = { verdict: 'fail' };
  t.match(broken(defect, { known: { ...known, version: '4.20.0' } }), fails, 'the version has the fix');
  t.match(broken(defect, { known: { ...known, version: '5.0' } }), fails, 'a later one, too');
  t.match(broken(defect, { known: { ...known, version: undefined } }), fails, 'no version is known');
  t.match(broken(saying('0xfec is 0x3ffb63e'), { known }), fails, 'another place');
  t.match(broken(saying('0xffc is 0x1, not 0xa5a5a5a5', 'entry'), { known }), fails, 'another witness');
  t.match(broken({}, { known }), { verdict: 'pass', reason: /witnesses agree$/ }, 'it has been mended there');
  const end: BootEnd = { kind: 'machine', end: { kind: 'reset' } };
  const byEnd = { ...known, witness: 'end', text: /reset or triple-faulted/ };
  t.match(broken({ end }, { known: byEnd }), { verdict: 'pass', reason: /known defect/ });
  t.match(broken({ end }, { known }), { verdict: 'crash' });
});

t.test('a window: placed or refused as the rules leave it', async (t) => {
  const window = { minAddr: 0, maxAddr: 0x1000, align: 1, preference: 'low' } as const;
  const expectation: Expectation = { kind: 'window', window, predicted: 'GRUB refuses: it is too small' };
  const end: BootEnd = { kind: 'refused', errors: ['no'] };
  const placement = [{ ok: true, text: 'GRUB refused, rightly' }];
  const rest = { expectation, own: NOTHING, placement };
  const refused = { end, checkpoints: [] };
  t.match(broken(refused, rest), { verdict: 'pass', reason: 'GRUB refused, rightly' });
  t.match(broken({}, rest), { verdict: 'pass', reason: /^booted/ });
  const wrong = [{ ok: false, text: 'GRUB refused without reason' }];
  t.match(broken(refused, { ...rest, placement: wrong }), { verdict: 'fail', reason: /without reason/ });
  t.match(broken(refused, { ...rest, placement: [] }), { verdict: 'fail' }, 'nobody judged it');
});

t.test('a refusal that the image’s own header asks for', async (t) => {
  const reason = 'required-tags-known: type 19522';
  const refused = (grubError?: string): Expectation => ({
    ...{ kind: 'refused', reason },
    byHeader: grubError === undefined ? {} : { grubError },
  });
  const saying = (expectation: Expectation, ...errors: string[]) =>
    broken({ end: { kind: 'refused', errors }, checkpoints: [] }, { expectation, own: NOTHING });
  const known = refused('unsupported tag: 0x');
  t.match(saying(known, 'unsupported tag: 0x4c42'), {
    verdict: 'pass',
    reason: `refused as predicted: ${reason}; GRUB said “unsupported tag: 0x4c42”`,
  });
  t.match(saying(known, 'out of memory', 'unsupported tag: 0x4c42'), { verdict: 'pass' }, 'among others');
  t.match(saying(known, 'out of memory', 'you need to load the kernel first'), {
    verdict: 'fail',
    reason:
      /^GRUB refused with “out of memory”, “you need to load the kernel first”, not with “unsupported tag: 0x”/,
  });
  t.match(saying(known), { verdict: 'fail', reason: 'GRUB refused without saying why' });
  t.match(saying(refused(), 'whatever'), { verdict: 'pass' }, 'its words are not known');
  t.match(saying(refused()), { verdict: 'fail' }, 'but it must say some');
  t.match(broken({}, { expectation: known, own: NOTHING }), {
    verdict: 'fail',
    reason: /^GRUB should have refused \(required-tags-known: type 19522\), but /,
  });
});

t.test('a note is what a person should hear of a pass, and of nothing else', async (t) => {
  const deviation = [{ ok: true, text: 'known deviation: one image short' }];
  t.match(broken({}, { placement: deviation }), {
    verdict: 'pass',
    note: 'known deviation: one image short',
  });
  t.notOk('note' in broken({}, {}));
  t.notOk('note' in broken({ missed: ['entry'] }, { placement: deviation }));
});

t.test('a timeout says the last stop and the last line', async (t) => {
  const end: BootEnd = { kind: 'timeout', awaited: '“a line”', lastSeen: 'Welcome', phase: 'subject' };
  t.match(broken({ end }), {
    verdict: 'crash',
    reason: / after checkpoint “entry”; last console line: Welcome$/,
  });
  t.match(broken({ end: { ...end, lastSeen: undefined } }), { reason: / after checkpoint “entry”$/ });
});
