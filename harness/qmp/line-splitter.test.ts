import t from 'tap';
import { LineSplitter, LineTooLongError } from './line-splitter.ts';

t.test('lines are the same however the bytes are cut', async (t) => {
  const bytes = Buffer.from('one\r\n\ntwo ä€\nthree');
  for (let size = 1; size <= bytes.length; size++) {
    const splitter = new LineSplitter(100);
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size)
      lines.push(...splitter.feed(bytes.subarray(at, at + size)));
    t.same(lines, ['one', '', 'two ä€'], `pieces of ${size}`);
    t.equal(splitter.unfinished, 'three');
  }
});

t.test('a line of the limit passes, one byte more does not', async (t) => {
  t.same(new LineSplitter(4).feed(Buffer.from('1234\n')), ['1234']);
  t.throws(() => new LineSplitter(4).feed(Buffer.from('12345\n')), LineTooLongError);
  const splitter = new LineSplitter(4);
  splitter.feed(Buffer.from('123'));
  t.throws(() => splitter.feed(Buffer.from('45')), LineTooLongError, 'before its end is seen');
});
