/** CLAIM: every job is given once; a thread stays with its kind while there are jobs of it. */
import t from 'tap';
import { JobQueue } from './job-queue.ts';

t.test('threads begin with different kinds and stay with them', (t) => {
  const queue = new JobQueue(['a1', 'a2', 'a3', 'b1', 'b2'], (job) => job[0]!);
  const [first, second] = [queue.next(undefined), queue.next(undefined)];
  t.same([first, second], ['a1', 'b1']);
  t.equal(queue.next(second), 'b2');
  t.equal(queue.next(first), 'a2');
  t.equal(queue.next('b2'), 'a3', 'what is left is done by whoever is free');
  t.equal(queue.next('a2'), undefined);
  t.equal(queue.next('a3'), undefined);
  t.end();
});

t.test('what is not worth a beginning of its own is left to who began', (t) => {
  const queue = new JobQueue(['a1', 'b1', 'b2', 'b3', 'b4'], (job) => job[0]!, 2);
  t.same([queue.next(undefined), queue.next(undefined)], ['a1', 'b1']);
  t.equal(queue.next('a1'), 'b2', 'three wait for one thread');
  t.equal(queue.next(undefined), undefined, 'two for two');
  t.same([queue.next('b1'), queue.next('b2'), queue.next('b3')], ['b3', 'b4', undefined]);
  t.end();
});

t.test('without kinds, and with more threads than kinds', (t) => {
  const plain = new JobQueue([1, 2]);
  t.same([plain.next(undefined), plain.next(undefined), plain.next(1)], [1, 2, undefined]);
  const queue = new JobQueue(['a1', 'a2', 'b1', 'b2'], (job) => job[0]!);
  t.same([queue.next(undefined), queue.next(undefined), queue.next(undefined)], ['a1', 'b1', 'a2']);
  t.equal(new JobQueue([]).next(undefined), undefined);
  t.end();
});
