import type { Duplex } from 'node:stream';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { QmpClient } from './qmp-client.ts';
import { frozenMachine } from './testdata/frozen-machine.ts';
import { misbehavingServers, wellBehaved } from './testdata/misbehaving-servers.ts';
import { streamPair } from './testdata/stream-pair.ts';

const inTime = () => Deadline.in(20_000);

async function connected(
  then?: Parameters<typeof wellBehaved>[1],
): Promise<{ readonly client: QmpClient; readonly server: Duplex }> {
  const [ours, server] = streamPair();
  wellBehaved(server, then);
  return { client: await QmpClient.connect(ours, { deadline: inTime() }), server };
}

t.test('a real machine: greeting, commands, refusals, events', async (t) => {
  await using machine = await frozenMachine();
  const lines: string[] = [];
  await using client = await QmpClient.connect(await machine.connect('qmp'), {
    deadline: inTime(),
    onLine: (direction, text) => lines.push(`${direction} ${text}`),
  });
  t.ok(client.greeting.version.major >= 7);
  t.match(lines[0], /^receive \{"QMP"/);
  t.match(lines[1], /^send \{"execute":"qmp_capabilities"/);
  t.match(await client.execute('query-status'), { status: 'prelaunch', running: false });

  const both = await Promise.all([client.execute('query-version'), client.execute('query-name')]);
  t.match(both, [{ qemu: { major: client.greeting.version.major } }, {}]);

  const refused = client.execute('no-such-command');
  await t.rejects(refused, { name: 'QmpCommandError', class: 'CommandNotFound', command: 'no-such-command' });
  await t.rejects(client.execute('cont', { surplus: 1 }), {
    name: 'QmpCommandError',
    message: /surplus.*GenericError/,
  });

  await client.execute('cont');
  const resume = await client.waitForEvent('RESUME', inTime());
  await client.execute('stop');
  const stop = await client.waitForEvent('STOP', inTime(), { after: resume.sequence });
  t.ok(stop.sequence > resume.sequence);
  t.ok(Math.abs(stop.timeMs! - Date.now()) < 3_600_000);
});

t.test('the end of QEMU ends the client', async (t) => {
  await using machine = await frozenMachine();
  await using client = await QmpClient.connect(await machine.connect('qmp'), { deadline: inTime() });
  await client.execute('quit');
  await client.closed;
  t.equal(client.state, 'closed');
  await t.rejects(client.execute('query-status'), { name: 'QmpClosedError' });
});

t.test('QEMU greets one client at a time: the second one is told in time', async (t) => {
  await using machine = await frozenMachine();
  await using _first = await QmpClient.connect(await machine.connect('qmp'), { deadline: inTime() });
  const second = QmpClient.connect(await machine.connect('qmp'), { deadline: Deadline.in(300) });
  await t.rejects(second, { name: 'QmpNegotiationError', message: /nobody else connected/ });
});

t.test('servers that misbehave in the greeting', async (t) => {
  const expected: Record<keyof typeof misbehavingServers, string> = {
    silent: 'QmpNegotiationError',
    garbage: 'QmpProtocolError',
    binaryGarbage: 'QmpProtocolError',
    jsonButNoObject: 'QmpProtocolError',
    noGreeting: 'QmpProtocolError',
    greetingWithoutVersion: 'QmpProtocolError',
    closesAtOnce: 'QmpNegotiationError',
    halfALineThenCloses: 'QmpProtocolError',
    overLongLine: 'QmpProtocolError',
    refusesNegotiation: 'QmpNegotiationError',
    neverNegotiates: 'QmpNegotiationError',
  };
  for (const [what, misbehave] of Object.entries(misbehavingServers)) {
    const [ours, server] = streamPair();
    misbehave(server);
    const waits = what === 'silent' || what === 'neverNegotiates';
    const deadline = waits ? Deadline.in(50) : inTime();
    const connect = QmpClient.connect(ours, { deadline, maxLineBytes: 4096 });
    await t.rejects(connect, { name: expected[what as keyof typeof expected] }, what);
    t.ok(ours.destroyed, `${what}: the stream is given up`);
  }
});

t.test('replies are matched by id, in whatever order they come', async (t) => {
  const held: string[] = [];
  const { client, server } = await connected(({ execute, id }) => {
    held.unshift(JSON.stringify({ return: execute, id }));
    return undefined;
  });
  const replies = Promise.all(['one', 'two', 'three'].map((name) => client.execute(name)));
  setTimeout(() => server.write(`${held.join('\n')}\n`), 20);
  t.same(await replies, ['one', 'two', 'three']);
});

t.test('a command that is never answered ends in time; its late reply is dropped', async (t) => {
  const late: string[] = [];
  const { client, server } = await connected(({ execute, id }) => {
    if (execute === 'quick') return JSON.stringify({ return: 7, id });
    late.push(JSON.stringify({ return: {}, id }));
    return undefined;
  });
  const slow = client.execute('slow', undefined, { timeoutMs: 30 });
  await t.rejects(slow, { name: 'DeadlineError', awaited: 'the reply to QMP slow' });
  server.write(`${late[0]}\n`);
  t.equal(await client.execute('quick'), 7);
  t.equal(client.state, 'running');
});

t.test('the end of the connection rejects what waits', async (t) => {
  const { client, server } = await connected();
  const command = client.execute('slow');
  const event = client.waitForEvent('SHUTDOWN', inTime());
  setTimeout(() => server.end(), 20);
  await t.rejects(command, { name: 'QmpClosedError', message: /reply to slow/ });
  await t.rejects(event, { name: 'QmpClosedError', message: /event SHUTDOWN/ });
});

t.test('so does our own close, half a line or not', async (t) => {
  const { client, server } = await connected();
  const command = client.execute('slow');
  server.write('{"half');
  setTimeout(() => client.close(), 50);
  await t.rejects(command, { name: 'QmpClosedError' });
});

t.test('a failing stream is the cause', async (t) => {
  const [ours, server] = streamPair();
  wellBehaved(server);
  const client = await QmpClient.connect(ours, { deadline: inTime() });
  const command = client.execute('slow');
  ours.destroy(new Error('EPIPE'));
  await t.rejects(command, { name: 'QmpClosedError', cause: { message: 'EPIPE' } });
  await client.closed;
});

t.test('garbage while running ends the connection and says what came', async (t) => {
  const cases: [string, RegExp][] = [
    ['garbage', /garbage/],
    ['{"QMP": {"version": {"qemu": {"major": 1, "minor": 1, "micro": 1}}}}', /second greeting/],
    ['{"return": {}, "id": "stranger"}', /reply to nothing.*stranger/],
    ['{"return": {}, "id": "99"}', /reply to nothing/],
    ['{"error": {"class": "GenericError", "desc": "JSON parse error"}}', /JSON parse error/],
  ];
  for (const [line, message] of cases) {
    const { client } = await connected(() => line);
    await t.rejects(client.execute('slow'), { name: 'QmpProtocolError', message }, line);
    t.equal(client.state, 'closed');
  }
});

t.test('events: history, listeners, waiting for past and future', async (t) => {
  const { client, server } = await connected();
  const heard: string[] = [];
  const stop = client.onEvent((event) => heard.push(event.name));
  server.write('{"event": "A"}\n{"event": "B", "data": {"n": 1}}\n');
  const second = await client.waitForEvent((event) => event.data.n === 1, inTime());
  t.match(second, { name: 'B', sequence: 2, timeMs: undefined });
  t.match(await client.waitForEvent('A', inTime()), { sequence: 1 });
  stop();
  const next = client.waitForEvent('A', inTime(), { after: client.lastEventSequence });
  server.write('{"event": "A"}\n');
  t.match(await next, { sequence: 3 });
  t.same(heard, ['A', 'B']);
  await t.rejects(client.waitForEvent('C', Deadline.in(20)), {
    name: 'DeadlineError',
    message: /QMP event C; last seen: A/,
  });
  const throwing = client.waitForEvent(() => {
    throw new Error('in the match');
  }, inTime());
  await t.rejects(throwing, { message: 'in the match' });
});

t.test('the history is bounded', async (t) => {
  const { client, server } = await connected();
  server.write('{"event": "TICK"}\n'.repeat(1500) + '{"event": "LAST"}\n');
  await client.waitForEvent('LAST', inTime());
  t.equal(client.events.length, 1000);
  t.equal(client.lastEventSequence, 1501);
});
