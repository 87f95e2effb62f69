import t from 'tap';
import { bound, escapeForJson, escapeForTerminal, escapeForXml, guestLine } from './escape.ts';

t.test('escapeForTerminal leaves nothing a terminal would act on', (t) => {
  t.equal(escapeForTerminal('plain “text” → 漢'), 'plain “text” → 漢');
  t.equal(escapeForTerminal('\x1b[2J\x07\r\n\x7f\x9b'), '\\x1b[2J\\x07\\x0d\\x0a\\x7f\\x9b');
  t.equal(escapeForTerminal('a\u202eb\u2028\ufeff\ud800'), 'a\\u202eb\\u2028\\ufeff\\ud800');
  t.equal(escapeForTerminal('\u{e0041}'), '\\u{e0041}');
  t.equal(escapeForTerminal('ab\tc\td'), 'ab      c       d');
  const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join('');
  t.notMatch(escapeForTerminal(all), /[\p{C}\p{Zl}\p{Zp}]/u);
  t.end();
});

t.test('escapeForTerminal breaks commands that CI systems find within a line', (t) => {
  for (const command of ['##vso[task.setvariable]x', '##[error]x', '##teamcity[x]'])
    t.notMatch(escapeForTerminal(command), /##(vso|teamcity)?\[/);
  t.equal(escapeForTerminal('## a heading'), '## a heading');
  t.end();
});

t.test('escapeForXml leaves only XML 1.0 characters, lines, and no end of a CDATA section', (t) => {
  t.equal(escapeForXml('a\n\tb\x00\x0b\ufffe\uffff\udfff'), 'a\n\tb\\x00\\x0b\\ufffe\\uffff\\udfff');
  t.equal(escapeForXml(']]>]]>'), ']]\\x3e]]\\x3e');
  t.end();
});

t.test('escapeForJson keeps the value', (t) => {
  const value = { text: 'a\x7f\x9b\u202e\u{e0041}\n"\\', nested: [1, null] };
  const json = escapeForJson(JSON.stringify(value, null, 2));
  t.same(JSON.parse(json), value);
  t.notMatch(json, /(?!\n)\p{C}/u);
  t.end();
});

t.test('bound', (t) => {
  t.equal(bound('abc', 3), 'abc');
  t.equal(bound('abcd', 3), 'ab…');
  t.equal(bound('a😀bc', 3), 'a…', 'a surrogate pair is not split');
  t.equal(guestLine('\x1b'.repeat(10_000), 5), '\\x1b\\x1b\\x1b\\x1b…');
  t.end();
});
