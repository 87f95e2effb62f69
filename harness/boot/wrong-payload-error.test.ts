import t from 'tap';
import { isGuestsDoing, requireChoice, WrongPayloadError } from './wrong-payload-error.ts';

t.test('what GRUB read is what lies on the drive', (t) => {
  t.doesNotThrow(() => requireChoice('a1 this', 'a1 this', true));
  t.doesNotThrow(() => requireChoice(undefined, 'any', true), 'nothing was asked');
  t.doesNotThrow(() => requireChoice('a1 this', undefined, false), 'it did not come so far');
  t.end();
});

t.test('another’s, or nothing where it would have said something', (t) => {
  for (const mustRead of [true, false])
    t.throws(() => requireChoice('a1 this', 'b2 this', mustRead), {
      name: 'WrongPayloadError',
      message: 'GRUB was to read the choice "a1 this" from the payload drive, but read "b2 this"',
    });
  t.throws(() => requireChoice('a1 this', undefined, true), new WrongPayloadError('a1 this', undefined));
  t.throws(() => requireChoice('a1 this', undefined, true), { message: /but read none$/ });
  t.end();
});

t.test(
  'a guest that resets, hangs or comes back to a prompt did so itself; QEMU’s end is none of its',
  (t) => {
    const exit = { kind: 'signal', signal: 'SIGKILL' } as const;
    t.ok(isGuestsDoing({ kind: 'machine', end: { kind: 'reset' } }));
    t.ok(isGuestsDoing({ kind: 'timeout', awaited: 'x', lastSeen: undefined, phase: 'loader' }));
    t.ok(isGuestsDoing({ kind: 'loader', detail: 'GRUB is at its prompt' }));
    t.notOk(isGuestsDoing({ kind: 'machine', end: { kind: 'qemu-exit', exit, stderr: '' } }));
    t.notOk(isGuestsDoing({ kind: 'console', state: 'closed', detail: '' }));
    t.end();
  },
);
