import { describe, expect, it } from 'vitest';
import { countDisruptions, lookAt } from '#operator/controller/sightings.ts';
import { UploadMemories, type UploadMemory } from '#operator/controller/upload-memory.ts';
import { job, pod } from './observed.ts';

const memory = (change: Partial<UploadMemory> = {}): UploadMemory => ({
  ...new UploadMemories().of('k', 'u'),
  ...change,
});

describe('the time in a state', () => {
  it('begins when the state is first seen, whatever the clocks of others say, and anew with each state', () => {
    const jobs = { plan: null, process: job() };
    const first = lookAt(jobs, [pod({ phase: 'Pending' })], { memory: memory(), at: 1000 });
    expect(first.pods[0]?.stateMs).toBe(0);
    const later = lookAt(jobs, [pod({ phase: 'Pending' })], { memory: memory(first), at: 61_000 });
    expect([later.pods[0]?.stateMs, later.jobs.process?.stateMs]).toEqual([60_000, 60_000]);
    const running = lookAt(jobs, [pod({ phase: 'Running' })], { memory: memory(later), at: 62_000 });
    expect(running.pods[0]?.stateMs).toBe(0);
    const gone = lookAt(jobs, [], { memory: memory(running), at: 63_000 });
    expect([...gone.seen.keys()]).toEqual([job().name]);
  });

  it('begins anew for another Job of the same name', () => {
    const before = lookAt({ plan: null, process: job() }, [], { memory: memory(), at: 0 });
    const after = lookAt({ plan: null, process: job({ uid: 'other' }) }, [], { memory: memory(before), at: 5000 });
    expect(after.jobs.process?.stateMs).toBe(0);
  });
});

it('each pod that was ended from outside counts once, also when it is gone', () => {
  const evicted = (name: string) => pod({ name, disrupted: { reason: 'Evicted', message: name } });
  const one = countDisruptions([evicted('a'), pod()], { memory: memory(), at: 1 });
  const same = countDisruptions([evicted('a')], { memory: memory({ disruptions: one }), at: 2 });
  const two = countDisruptions([evicted('b')], { memory: memory({ disruptions: same }), at: 3 });
  expect([one?.count, same?.count, two?.count, two?.pod, two?.at]).toEqual([1, 1, 2, 'b', 3]);
});
