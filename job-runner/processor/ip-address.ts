const LONGEST_ADDRESS = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'.length;
const GROUPS = 8;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const IPV4 = /^(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}$/;

/** An IPv6 address without a zone. Source: RFC 3986, section 3.2.2 (IPv6address). */
export function isIPv6(text: string): boolean {
  if (text.length > LONGEST_ADDRESS) return false;
  const lastGroup = text.slice(text.lastIndexOf(':') + 1);
  // An IPv4 address stands for the last two groups.
  const address = IPV4.test(lastGroup) ? `${text.slice(0, -lastGroup.length)}0:0` : text;
  const halves = address.split('::');
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => GROUP.test(group))) return false;
  return halves.length === 1 ? groups.length === GROUPS : halves.length === 2 && groups.length < GROUPS;
}
