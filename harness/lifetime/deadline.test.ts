import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { Deadline, DeadlineError } from './deadline.ts';

t.test('a wait ends with what it waited for, or says what that was and what was last seen', async (t) => {
  t.equal(await Deadline.in(1000).wait(Promise.resolve(1), 'one'), 1);
  const never = new Promise(() => undefined);
  await t.rejects(
    Deadline.in(5).wait(never, 'the greeting', () => 'half a line'),
    {
      name: 'DeadlineError',
      awaited: 'the greeting',
      message: /for the greeting; last seen: half a line/,
    },
  );
});

t.test('a sub-deadline is never later than what it was cut from', async (t) => {
  const whole = Deadline.in(50);
  t.ok(whole.cut(10).expiresAt < whole.expiresAt);
  t.equal(whole.cut(1000).expiresAt, whole.expiresAt);
  t.equal(Deadline.in(0).expired, true);
});

t.test('a stall of this process is not taken for the silence of the other side', async (t) => {
  const server = createServer((socket) => socket.end('said in time'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => {
    socket.destroy();
    server.close();
  });
  await once(socket, 'connect');
  const said = once(socket, 'data').then(([chunk]) => String(chunk));
  const waiting = Deadline.in(30).wait(said, 'a word');
  // Node does nothing else meanwhile; the kernel takes the other side's words.
  const until = performance.now() + 150;
  while (performance.now() < until);
  t.equal(await waiting, 'said in time');
});

t.test('but silence is noticed after a stall, too', async (t) => {
  const waiting = Deadline.in(10).wait(new Promise(() => undefined), 'a word');
  const until = performance.now() + 50;
  while (performance.now() < until);
  await t.rejects(waiting, DeadlineError);
});
