/** Counts what stays open for a while, such as watches and downloads, by user and in all. */
export interface OpenCount {
  /** @returns a function that ends what was begun; null: the user, or all together, have as many open as they may. */
  begin(user: string): (() => void) | null;
  /** The number that the user has open. */
  of(user: string): number;
}

export function createOpenCount({
  mostOfOne,
  most,
  onChange = () => undefined,
}: {
  mostOfOne: number;
  most: number;
  onChange?: (all: number) => void;
}): OpenCount {
  const ofUser = new Map<string, number>();
  let all = 0;
  const change = (user: string, by: 1 | -1) => {
    const own = (ofUser.get(user) ?? 0) + by;
    if (own === 0) ofUser.delete(user);
    else ofUser.set(user, own);
    all += by;
    onChange(all);
  };
  return {
    of: (user) => ofUser.get(user) ?? 0,
    begin(user) {
      if (all >= most || (ofUser.get(user) ?? 0) >= mostOfOne) return null;
      change(user, 1);
      let isOpen = true;
      return () => {
        if (isOpen) change(user, -1);
        isOpen = false;
      };
    },
  };
}
