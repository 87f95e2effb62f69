import t from 'tap';
import { requireChoice, WrongPayloadError } from './wrong-payload-error.ts';

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
