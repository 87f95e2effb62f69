import t from 'tap';
import { includedFiles, registerSlots } from './target-description.ts';

t.test('includes', async (t) => {
  const xml =
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><!-- <xi:include href="no.xml"/> -->' +
    `<xi:include href="core.xml"/>\n<xi:include\n href='more.xml' /></target>`;
  t.same(includedFiles(xml), ['core.xml', 'more.xml']);
});

t.test('offsets follow the numbers, not the order; comments hold no registers', async (t) => {
  const core = `<feature name="f"><reg name="b" bitsize="64" regnum="1"/><reg name="c" bitsize="32"/>
    <!--reg name="ghost" bitsize="64" type="int64"/>
    <reg name="ghost2" bitsize="64"/-->
    <reg bitsize="32" name="a" regnum="0"/></feature>`;
  t.same(registerSlots([core, '<reg name="d" bitsize="80" regnum="7"/>']), [
    { name: 'a', number: 0, offsetBytes: 0, sizeBytes: 4 },
    { name: 'b', number: 1, offsetBytes: 4, sizeBytes: 8 },
    { name: 'c', number: 2, offsetBytes: 12, sizeBytes: 4 },
    { name: 'd', number: 7, offsetBytes: 16, sizeBytes: 10 },
  ]);
});

t.test('broken descriptions', async (t) => {
  for (const xml of [
    '<reg name="a"/>',
    '<reg bitsize="64"/>',
    '<reg name="a" bitsize="7"/>',
    '<reg name="a" bits',
    '<!--',
  ])
    t.throws(() => registerSlots([xml]), { name: 'RspProtocolError' }, xml);
});
