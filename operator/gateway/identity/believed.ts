/**
 * A proof that can be withdrawn is believed for this time, in ms: a watch then ends, and its sender proves again who he
 * is. Tokens of OpenID Connect cannot be withdrawn, and are believed until they expire.
 */
export const BELIEVED_MS = 15 * 60_000;
