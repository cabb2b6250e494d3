/** The order of the events of one key. Events of different keys have no order. */
import type { ObjectNotice } from '#operator/bridge/model/types.ts';

/** Compares hexadecimal numbers of any length. As AWS prescribes, the shorter one is padded on the left with zeros. */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const left = a.toLowerCase().padStart(length, '0');
  const right = b.toLowerCase().padStart(length, '0');
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * Sorts the notices of each key by sequencer, within the places that these notices have in the list. Notices without a
 * sequencer keep their places.
 */
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
