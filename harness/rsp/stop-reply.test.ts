import t from 'tap';
import { parseStopReply } from './stop-reply.ts';

t.test('stop replies as QEMU sends them', async (t) => {
  t.same(parseStopReply('T05thread:01;'), { kind: 'signal', signal: 5, thread: '01' });
  t.same(parseStopReply('T02thread:p01.02;'), { kind: 'signal', signal: 2, thread: 'p01.02' });
  t.same(parseStopReply('S05'), { kind: 'signal', signal: 5 });
  t.same(parseStopReply('W00'), { kind: 'exited', code: 0 });
  t.same(parseStopReply('X0f'), { kind: 'terminated', signal: 15 });
});

t.test('watchpoints', async (t) => {
  const at = (key: string) => parseStopReply(`T05thread:01;${key}:00000000000fd000;`);
  for (const [key, kind] of [
    ['watch', 'write'],
    ['rwatch', 'read'],
    ['awatch', 'access'],
  ] as const)
    t.match(at(key), { watchpoint: { kind, address: 0xfd000n } });
  t.notMatch(parseStopReply('T05watch:zz;'), { watchpoint: {} });
});

t.test('what is none', async (t) => {
  for (const payload of ['', 'OK', 'E05', 'T', 'Tzz', 'm05', 'W'])
    t.equal(parseStopReply(payload), undefined, payload);
});
