import t from 'tap';
import { checkErrorScreen, checkNoScreen, VGA_TEXT } from './early-error-checks.ts';

const TEXT = 'ERR: Not a 64-bit CPU!';
const screen = (text: string, attribute = 7) =>
  Uint8Array.from([...Buffer.from(text)].flatMap((character) => [character, attribute]));
const wrong = (vga: Uint8Array, edi: number) =>
  checkErrorScreen(TEXT, { vga, edi: BigInt(edi) })
    .filter(({ ok }) => !ok)
    .map(({ text }) => text);

t.test('text and pointer', async (t) => {
  const end = VGA_TEXT + 2 * TEXT.length;
  t.strictSame(wrong(screen(TEXT), end), []);
  t.match(wrong(screen('SeaBIOS (version 1.16.2'), 0), [
    /^the screen begins with “SeaBIOS \(version 1\.16\.”, not with “ERR: Not/,
    /^%edi, past that text is 0x0, not 0xb802c$/,
  ]);
  t.match(wrong(screen(TEXT, 0x70), end), [/not with “ERR: .*” grey on black/]);
  t.match(wrong(screen(TEXT).subarray(0, -2), end), [/^the screen begins with “ERR: Not a 64-bit CPU”, not/]);
  t.match(wrong(new Uint8Array(2 * TEXT.length).fill(0xff), end), [/^the screen begins with “\.{22}”/]);
  t.match(wrong(screen(TEXT), end - 2), [/^%edi, past that text is 0xb802a/]);
});

t.test('no screen', async (t) => {
  t.match(checkNoScreen(0n), [{ ok: true }]);
  t.match(checkNoScreen(0xb8060n), [{ ok: false, text: /^%edi is 0x000b8060, not 0/ }]);
});
