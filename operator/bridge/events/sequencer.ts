/** The order of events of one key. Events of different keys have none. */
import type { ObjectNotice } from '#operator/bridge/types.ts';

/** Hexadecimal numbers of any length: the shorter one is padded on the left with zeros, as AWS says. */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((text) => text.toLowerCase().padStart(length, '0')) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Puts the notices of each key in order, in the places that they have together. Those without a sequencer stay where they are. */
export function orderBySequencer(notices: readonly ObjectNotice[]): ObjectNotice[] {
  const places = new Map<string, number[]>();
  for (const [place, { bucket, key, sequencer }] of notices.entries()) {
    if (sequencer === null) continue;
    const id = `${bucket}/${key}`;
    const others = places.get(id);
    if (others) others.push(place);
    else places.set(id, [place]);
  }
  const ordered = [...notices];
  for (const ofOneKey of places.values()) {
    const sorted = ofOneKey
      .map((place) => notices[place]!)
      .sort((a, b) => compareSequencers(a.sequencer!, b.sequencer!));
    for (const [index, place] of ofOneKey.entries()) ordered[place] = sorted[index]!;
  }
  return ordered;
}
