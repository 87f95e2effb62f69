import t from 'tap';
import { type Column, chunks, columnWidths, tableLine, truncateMiddle, wrapWords } from './text-table.ts';

const COLUMNS: readonly Column[] = [{ align: 'left', shrinksTo: 4 }, { align: 'right' }];

t.test('columns line up, and colour takes no room', (t) => {
  const rows = [
    [{ text: 'ab', paint: (text: string) => `<${text}>` }, { text: '1' }],
    [{ text: 'abcd' }, { text: '100' }],
  ];
  const widths = columnWidths(rows, COLUMNS);
  t.same(
    rows.map((row) => tableLine(row, COLUMNS, widths)),
    ['<ab>      1', 'abcd  100'],
  );
  t.end();
});

t.test('only a column that may shrink does, and only as far as it may', (t) => {
  const rows = [[{ text: 'abcdefghij' }, { text: '100' }]];
  t.same(columnWidths(rows, COLUMNS, 15), [10, 3]);
  t.same(columnWidths(rows, COLUMNS, 12), [7, 3]);
  t.same(columnWidths(rows, COLUMNS, 5), [4, 3]);
  t.equal(tableLine(rows[0] ?? [], COLUMNS, [7, 3]), 'abc…hij  100');
  t.end();
});

t.test('truncateMiddle keeps both ends', (t) => {
  t.equal(truncateMiddle('abcdef', 6), 'abcdef');
  t.equal(truncateMiddle('abcdef', 4), 'ab…f');
  t.equal(truncateMiddle('abcdef', 1), '…');
  t.equal(truncateMiddle('abcdef', 0), '');
  t.end();
});

t.test('wrapWords and chunks', (t) => {
  t.same(wrapWords('one two three', 7), ['one two', 'three']);
  t.same(wrapWords('one abcdefghij', 4), ['one', 'abcd', 'efgh', 'ij']);
  t.same(wrapWords('one two', Number.POSITIVE_INFINITY), ['one two']);
  t.same(wrapWords('ab', -3), ['a', 'b'], 'a width that makes no sense still ends');
  t.same(chunks('abcde', 2), ['ab', 'cd', 'e']);
  t.same(chunks('', 2), ['']);
  t.end();
});
